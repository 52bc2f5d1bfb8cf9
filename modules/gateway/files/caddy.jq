# In: the routes (array), $site: [{domain, networks, fqdn}]. Out: the whole configuration of Caddy 2.6 as JSON.
# Longer paths stand before shorter ones, so that "/dav" wins over "everything" on the same host.

# Identity headers that no client may send on any route, also in the spelling with underscores, which CGI-like
# back ends fold into the same variable.
def identity_headers:
  (["Auth-User", "Auth-Name", "Auth-Mail", "Auth-Groups", "Remote-User", "X-Remote-User", "X-Forwarded-User",
    "Forwarded", "X-Real-Ip", "X-Original-Host", "X-Original-Uri"] + [.[].forwardAuth.headers? // [] | .[]])
  | [.[] | ., gsub("-"; "_")] | unique;

def path_patterns: if . == "/" then ["/*"] elif endswith("/") then [. + "*"] else [., . + "/*"] end;

def url_parts: capture("^(?<scheme>https?)://(?<host>\\[[^\\]]+\\]|[^/:?#]+)(:(?<port>[0-9]+))?(?<path>/[^#]*)?$")
  | .port = (.port // (if .scheme == "https" then "443" else "80" end)) | .path = (.path // "/");

def tls_transport: { protocol: "http", tls: { root_ca_pem_files: ["/etc/caddy/pki/site-ca.crt"] } };

def sign_in($auth):
  ($auth.checkUrl | url_parts) as $check
  | { handler: "reverse_proxy",
      upstreams: [{ dial: "\($check.host):\($check.port)" }],
      rewrite: { method: "GET", uri: $check.path },
      headers: { request: {
        set: { Host: [$auth.checkHost // $check.host],
               "X-Original-Host": ["{http.request.host}"], "X-Original-URI": ["{http.request.orig_uri}"],
               "X-Forwarded-Method": ["{http.request.method}"], "X-Forwarded-Uri": ["{http.request.orig_uri}"] },
        delete: ["Content-Length", "Transfer-Encoding"] } },
      handle_response: [
        { match: { status_code: [2] },
          routes: [{ handle: [{ handler: "headers", request: {
            set: ([$auth.headers[] | { key: ., value: ["{http.reverse_proxy.header.\(.)}"] }] | from_entries) } }] }] },
        # A browser follows a redirect to the log-in page, not the Location of a 401.
        { match: { status_code: [401], headers: { Location: ["*"] } },
          routes: [{ handle: [{ handler: "static_response", status_code: 302,
            headers: { Location: ["{http.reverse_proxy.header.Location}"], "Cache-Control": ["no-store"] } }] }] } ] }
    + (if $check.scheme == "https" then { transport: tls_transport } else {} end);

def proxy: { handler: "reverse_proxy", upstreams: [.upstreams[] | { dial: . }] }
  + (if .websocket then { flush_interval: -1 } else {} end)
  + (if .scheme == "https" then { transport: tls_transport } else {} end);

# Caddy 2.6 answers 502 when a body turns out too long on the way; who announces it is told the reason.
def body_limit: if .maxBodyBytes then
    [{ handler: "subroute", routes: [{ terminal: true,
       match: [{ expression: "{http.request.header.Content-Length} != \"\" && int({http.request.header.Content-Length}) > \(.maxBodyBytes)" }],
       handle: [{ handler: "static_response", status_code: 413, body: "The upload is larger than this site allows.\n" }] }] },
     { handler: "request_body", max_size: .maxBodyBytes }]
  else [] end;

# One entry per path of a route; path null stands for all.
def entries:
  . as $route
  | ((.openPaths // [])[] | { path: ., open: true }),
    (if (.paths // []) == [] then { path: null, open: false } else .paths[] | { path: ., open: false } end)
  | . + { route: $route };

def handle($strip; $networks):
  [{ handler: "headers", request: { delete: $strip } }]
  + (if .route.access == "zones" then
      [{ handler: "subroute", routes: [{ match: [{ not: [{ remote_ip: { ranges: $networks } }] }],
        handle: [{ handler: "static_response", status_code: 403, body: "Only reachable from inside.\n" }], terminal: true }] }]
    else [] end)
  + (.route | body_limit)
  + (if .route.access == "signed-in" and (.open | not) then [sign_in(.route.forwardAuth)] else [] end)
  + [.route | proxy];

$site[0] as $site
| . as $all
| identity_headers as $strip
| [$all[] | entries] | sort_by(.route.host, -((.path // "") | length), (.open | not), .route.id)
| map({ match: [{ host: [.route.host] } + (if .path then { path: (.path | path_patterns) } else {} end)],
        handle: handle($strip; $site.networks), terminal: true }) as $routes
| { admin: { listen: "unix//run/caddy/admin.sock", origins: ["localhost"], config: { persist: false } },
    apps: {
      pki: { certificate_authorities: { local: {
        install_trust: false,
        # Caddy 2.6 wants a key beside every root certificate though it signs only with the intermediate. The site's
        # root key never leaves the control plane: what stands here is a key that fits nothing.
        root: { certificate: "/etc/caddy/pki/site-ca.crt", private_key: "/etc/caddy/pki/placeholder.key", format: "pem_file" },
        intermediate: { certificate: "/etc/caddy/pki/authority.crt", private_key: "/etc/caddy/pki/authority.key", format: "pem_file" } } } },
      tls: { automation: { policies: [{ issuers: [{ module: "internal", ca: "local" }] }] } },
      http: { servers: {
        edge: {
          listen: [":443"], protocols: ["h1", "h2"], read_header_timeout: "30s", idle_timeout: "5m",
          automatic_https: { disable_redirects: true },
          routes: ($routes + [{ match: [{ host: [$site.fqdn] }], terminal: true, handle: [
            { handler: "static_response", status_code: 200, body: "bastide gateway\n" }] }]) },
        redirect: {
          listen: [":80"], protocols: ["h1"], read_header_timeout: "10s",
          automatic_https: { disable: true },
          routes: [{ handle: [{ handler: "static_response", status_code: 308,
            headers: { Location: ["https://{http.request.host}{http.request.uri}"] } }] }] } } } } }
