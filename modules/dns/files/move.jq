# In: the record sets of the old zone; $old, $new: the domains with a final dot; $host: this guest's host name; $asked:
# [[name, type]] of what bindings ask for; $there: record sets of the new zone. Out: those made by hand, in the new zone.
def moved: if . == $new or endswith("." + $new) then . else .[:-($old | length)] + $new end;
[.[] | select(.type != "SOA" and (.name == $old and .type == "NS" | not) and (.name == "\($host).\($old)" and .type == "A" | not))
  | select([.name, .type] as $key | $asked | index([$key]) | not)
  | .name |= moved
  | select([.name, .type] as $key | ($asked | index([$key]) | not) and all($there[]; [.name, .type] != $key))
  | { name, type, ttl, changetype: "REPLACE", records: [.records[] | { content, disabled }] }]
