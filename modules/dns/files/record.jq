# In: a hook's input; $zones: [["site.example.", …]]. Out: {zone, name, type, content, ttl} or {problem}.
def absolute: if endswith(".") then . else . + "." end;
def is_v4: test("^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\\.(?!$)|$)){4}$");
def is_v6: test("^[0-9a-fA-F:.]+$") and contains(":");
def quoted: if startswith("\"") then . else
  # A string of a TXT record holds at most 255 bytes; longer text (DKIM keys) becomes several.
  gsub("\\\\"; "\\\\") | gsub("\""; "\\\"") | [scan(".{1,250}")] | map("\"\(.)\"") | join(" ") end;

.site.domain as $domain | .binding.request as $r | ($r.ttl // 300) as $ttl
| if $r.type == "PTR" then
    if ($r.name | is_v4) then
      (($r.name | split(".") | reverse | join(".")) + ".in-addr.arpa.") as $name
      | ([$zones[0][] | . as $z | select($name | endswith("." + $z))] | max_by(length)) as $zone
      | if $zone == null then { problem: "PTR \($r.name): the address is in none of the site's networks." }
        else { zone: $zone, name: $name, type: "PTR", content: ($r.value | absolute), ttl: $ttl } end
    else { problem: "PTR \($r.name): name must be an IPv4 address of the site." } end
  else
    ($domain + ".") as $zone
    | { zone: $zone, name: (if $r.name == "@" then $zone else "\($r.name | ascii_downcase).\($zone)" end), type: $r.type, ttl: $ttl }
    | . + if $r.type == "A" then if ($r.value | is_v4) then { content: $r.value } else { problem: "A \(.name) needs an IPv4 address, not \($r.value)." } end
      elif $r.type == "AAAA" then if ($r.value | is_v6) then { content: $r.value } else { problem: "AAAA \(.name) needs an IPv6 address, not \($r.value)." } end
      elif $r.type == "CNAME" then if .name == $zone then { problem: "The domain itself cannot be a CNAME." } else { content: ($r.value | absolute) } end
      elif $r.type == "MX" then if ($r.value | test("^[0-9]+ \\S+$")) then { content: ($r.value | absolute) } else { problem: "MX \(.name) needs `PRIORITY HOST`, not \($r.value)." } end
      elif $r.type == "SRV" then if ($r.value | test("^[0-9]+ [0-9]+ [0-9]+ \\S+$")) then { content: ($r.value | absolute) } else { problem: "SRV \(.name) needs `PRIORITY WEIGHT PORT HOST`, not \($r.value)." } end
      elif $r.type == "TXT" then { content: ($r.value | quoted) }
      else { content: $r.value } end
  end
