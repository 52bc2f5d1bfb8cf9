# config.php keys from the input of configure, in the shape `occ config:import` reads; $volume is given.
.bindings.route as $route | ($route.url | rtrimstr("/")) as $url | ($url | ltrimstr("https://")) as $host | {system: {
  trusted_domains: [$host], trusted_proxies: [$route.proxyAddress],
  forwarded_for_headers: ["HTTP_" + ($route.clientAddressHeader | ascii_upcase | gsub("-"; "_"))],
  overwriteprotocol: "https", overwritehost: $host, "overwrite.cli.url": $url, "htaccess.RewriteBase": "/",
  datadirectory: "\($volume)/data", skeletondirectory: "", templatedirectory: "",
  default_phone_region: (.config.defaultPhoneRegion // .site.country),
  default_locale: ((.site.locale // "en_GB.UTF-8") | split(".")[0]), logtimezone: (.site.timeZone // "UTC"),
  "memcache.local": "\\OC\\Memcache\\APCu",
  redis: {host: "tls://\(.bindings.cache.host)", port: .bindings.cache.port, user: .bindings.cache.username, password: .bindings.cache.password,
    timeout: 3.0, ssl_context: {cafile: "/etc/nextcloud/cache-ca.crt", verify_peer: true, verify_peer_name: true}},
  dbhost: "\(.bindings.database.host):\(.bindings.database.port)", dbname: .bindings.database.database,
  dbuser: .bindings.database.username, dbpassword: .bindings.database.password,
  appstoreenabled: false, has_internet_connection: false, updatechecker: false, "upgrade.disable-web": true,
  maintenance_window_start: 1, loglevel: 2, log_type: "file", logfile: "\($volume)/nextcloud.log", log_rotate_size: 10485760,
  # The identity provider has an address inside the site.
  allow_local_remote_servers: (.bindings.sso != null),
  user_oidc: {auto_provision: false, soft_auto_provision: false, single_logout: true},
  mail_domain: .site.domain, mail_from_address: "nextcloud"
}}
