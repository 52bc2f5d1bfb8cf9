# In: the record sets of a zone; $old, $new: the domains with a final dot. Out: those whose values name the old domain,
# with the new one in its place.
def name: rtrimstr(".") | gsub("\\."; "\\.");
def moved: . as $text
  | gsub("(?<![A-Za-z0-9_.-])(?<before>([A-Za-z0-9_*-]+\\.)*)\($old | name)(?![A-Za-z0-9-]|\\.[A-Za-z0-9])"; .before + ($new | rtrimstr(".")); "i")
  # One domain within the other: what is below the new one stays.
  | if ($new | endswith("." + $old)) and ($text | test("(^|[^A-Za-z0-9_-])\($new | name)(?![A-Za-z0-9-]|\\.[A-Za-z0-9])"; "i")) then $text else . end;
[.[] | . as $before | .records |= map(.content |= moved) | select(. != $before)
  | { name, type, ttl, changetype: "REPLACE", records: [.records[] | { content, disabled }] }]
