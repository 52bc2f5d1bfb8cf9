# The whole configuration of LemonLDAP::NG from: the stored one (input; keys not named here keep their value), $base
# (what configure learnt), $fragments (one per binding). Every map that bindings fill is written whole, so a binding
# that is gone leaves nothing behind.
def allowed: if (.groups // []) == [] then "accept" else [.groups[] | "inGroup(\"\(.)\")"] | join(" or ") end;
def header: {
  "Auth-User": "$uid",
  "Auth-Name": "$cn",
  "Auth-Mail": "$mail",
  # Upstream separates groups by "; ".
  "Auth-Groups": "$groups =~ s/;\\s*/,/gr"
}[.];
def by_category: group_by(.tile.category // "Applications") | to_entries
  | map({key: "\(.key + 1)bastide", value: ({type: "category", catname: (.value[0].tile.category // "Applications"), order: (.key + 1)}
      + (.value | sort_by(.tile.title) | to_entries | map({key: "\(.key + 1)\(.value.id | gsub("[^A-Za-z0-9]"; ""))", value: {type: "application", order: (.key + 1), options: {
          name: .value.tile.title, uri: .value.tile.url, description: "", logo: (.value.logo // "network.png"),
          display: (.value | allowed | if . == "accept" then "on" else . end)}}}) | from_entries))})
  | from_entries;

$base as $b
| ($fragments | map(select(.kind == "forward-auth"))) as $sites
| ($fragments | map(select(.kind == "oidc"))) as $clients
| . + {
    domain: $b.domain, portal: "\($b.url)/", https: 1, port: 443, securedCookie: 1, httpOnly: 1, cookieName: "lemonldap",
    authentication: "LDAP", userDB: "Same", passwordDB: "LDAP", registerDB: "Null",
    ldapServer: $b.ldap.url, ldapVerify: "require", ldapCAFile: $b.ldapCa, ldapVersion: 3, ldapTimeout: 10, ldapIOTimeout: 10,
    managerDn: $b.ldap.bindDn, managerPassword: $b.ldap.bindPassword,
    ldapBase: $b.ldap.userDn,
    AuthLDAPFilter: "(&\($b.ldap.userFilter)(\($b.ldap.userIdAttribute)=$user))",
    LDAPFilter: "(&\($b.ldap.userFilter)(\($b.ldap.userIdAttribute)=$user))",
    mailLDAPFilter: "(&\($b.ldap.userFilter)(mail=$mail))",
    ldapGroupBase: $b.ldap.groupDn, ldapGroupObjectClass: "groupOfNames", ldapGroupAttributeName: "member",
    ldapGroupAttributeNameGroup: "dn", ldapGroupAttributeNameUser: "dn", ldapGroupAttributeNameSearch: "cn", ldapGroupRecursive: 0,
    ldapExportedVars: {uid: $b.ldap.userIdAttribute, cn: "cn", mail: "mail", givenName: "givenName", sn: "sn"},
    # People change their password with their own rights; the account of this module only reads.
    ldapPpolicyControl: 1, ldapChangePasswordAsUser: 1, ldapSetPassword: 0, portalRequireOldPassword: 1,
    portalDisplayRegister: 0, portalDisplayResetPassword: 0, portalDisplayCertificateResetByMail: 0,
    captcha_login_enabled: 0, captcha_mail_enabled: 0, captcha_register_enabled: 0,
    notification: 0, reloadUrls: {}, timeout: ($b.sessionHours * 3600),
    # The handler remembers a session this long (seconds) after it was ended: see bastide-session-guard.
    localSessionStorageOptions: ((.localSessionStorageOptions // {}) + {default_expires_in: 15}),
    issuerDBOpenIDConnectActivation: 1, oidcServiceMetaDataIssuer: $b.url,
    oidcServiceKeyIdSig: $b.keyId, oidcServicePrivateKeySig: $privateKey, oidcServicePublicKeySig: $publicKey,
    locationRules: ({($b.host): {default: "accept"}} + ($sites | map({key: .host, value: {default: allowed}}) | from_entries)),
    exportedHeaders: ($sites | map({key: .host, value: (.headers | map({key: ., value: header}) | from_entries)}) | from_entries),
    vhostOptions: {},
    post: {},
    oidcRPMetaDataOptions: ($clients | map({key: .clientId, value: {
      oidcRPMetaDataOptionsClientID: .clientId, oidcRPMetaDataOptionsClientSecret: .clientSecret, oidcRPMetaDataOptionsDisplayName: .clientId,
      oidcRPMetaDataOptionsRedirectUris: (.redirectUris | join(" ")), oidcRPMetaDataOptionsPostLogoutRedirectUris: (.postLogoutUris | join(" ")),
      oidcRPMetaDataOptionsIDTokenSignAlg: "RS256", oidcRPMetaDataOptionsBypassConsent: 1, oidcRPMetaDataOptionsIDTokenForceClaims: 1,
      oidcRPMetaDataOptionsUserIDAttr: "uid", oidcRPMetaDataOptionsRule: (allowed | if . == "accept" then "1" else . end)}}) | from_entries),
    oidcRPMetaDataExportedVars: ($clients | map({key: .clientId, value: {
      name: "cn", email: "mail", preferred_username: "uid", given_name: "givenName", family_name: "sn",
      groups: "groups;string;always", roles: "roles;string;always"}}) | from_entries),
    oidcRPMetaDataOptionsExtraClaims: ($clients | map({key: .clientId, value: {groups: "groups roles", roles: "roles"}}) | from_entries),
    oidcRPMetaDataMacros: ($clients | map({key: .clientId, value: {roles: (
      [(.roles // [])[] | capture("^(?<group>[^=]+)=(?<role>.+)$") | "(inGroup(\"\(.group)\") ? \"\(.role)\" : ())"] | "join(\"; \", \(if length > 0 then join(", ") else "()" end))")}}) | from_entries),
    oidcRPMetaDataScopeRules: {}, oidcRPMetaDataNode: {},
    applicationList: ($fragments | map(select(.tile != null)) | by_category)
  }
| del(.oidcRPMetaDataNode, .post)
