# In: a hook's input. Out: the zones to serve: the domain, and the reverse zones of the site's IPv4 networks on octet
# borders (a /20 becomes sixteen /24 zones, so that no address outside the site is claimed; smaller than /24 its /24).
def reverse_zones:
  capture("^(?<a>[0-9]+)\\.(?<b>[0-9]+)\\.(?<c>[0-9]+)\\.(?<d>[0-9]+)/(?<p>[0-9]+)$")
  | map_values(tonumber)
  | if .p >= 24 then "\(.c).\(.b).\(.a).in-addr.arpa."
    elif .p > 16 then . as $n | (pow(2; 24 - .p)) as $count | ((.c / $count | floor) * $count) as $first
      | range($first; $first + $count) | "\(.).\($n.b).\($n.a).in-addr.arpa."
    elif .p == 16 then "\(.b).\(.a).in-addr.arpa."
    elif .p > 8 then . as $n | (pow(2; 16 - .p)) as $count | ((.b / $count | floor) * $count) as $first
      | range($first; $first + $count) | "\(.).\($n.a).in-addr.arpa."
    else "\(.a).in-addr.arpa." end;
[.site.domain + "."] + ([.site.networks[] | select(contains(":") | not) | reverse_zones] | unique)
