# local.protected.php of DokuWiki from the input of configure; $volume and $language are given.
def php: "'" + (tostring | gsub("(?<c>[\\\\'])"; "\\\(.c)")) + "'";
def setting: "$conf\(.[0] | map("[\(php)]") | join("")) = \(.[1] | if type == "number" then tostring else php end);";
.bindings.directory as $d | .bindings.sso as $s | [
  [["title"], (.config.title // "Wiki")], [["lang"], $language],
  [["savedir"], "\($volume)/data"],
  [["baseurl"], (.bindings.route.url | rtrimstr("/"))], [["userewrite"], 1], [["useslash"], 1],
  [["useacl"], 1], [["superuser"], "@admins"], [["defaultgroup"], "user"],
  [["authtype"], "authgateway"], [["disableactions"], "register,resendpwd,profile,profile_delete"],
  [["updatecheck"], 0], [["trustedproxy"], "^" + (.bindings.route.proxyAddress | gsub("\\."; "\\.")) + "$"],
  [["plugin", "authgateway", "peer"], .bindings.route.proxyAddress],
  [["plugin", "authgateway", "logout"], ($s.loginUrl + "?logout=1")],
  [["plugin", "authldap", "server"], $d.url], [["plugin", "authldap", "port"], $d.port], [["plugin", "authldap", "version"], 3],
  [["plugin", "authldap", "referrals"], 0],
  [["plugin", "authldap", "binddn"], $d.bindDn], [["plugin", "authldap", "bindpw"], $d.bindPassword],
  [["plugin", "authldap", "usertree"], $d.userDn], [["plugin", "authldap", "userkey"], $d.userIdAttribute],
  [["plugin", "authldap", "userfilter"], "(&\($d.userFilter)(\($d.userIdAttribute)=%{user}))"],
  [["plugin", "authldap", "grouptree"], $d.groupDn], [["plugin", "authldap", "groupfilter"], "(&\($d.groupFilter)(member=%{dn}))"],
  [["plugin", "authldap", "groupkey"], "cn"], [["plugin", "authldap", "modPass"], 0]
] | "<?php", "// Written by the module; changes here are lost.", (.[] | setting)
