import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULE = `apiVersion: bastide.dev/v1
kind: Module
metadata:
  name: visitor
  version: 1.0.0
  appVersion: "1"
  title: Visitor
  summary: Uses what the others give, and nothing else.
  tier: app
  category: platform
  licence: EUPL-1.2
  maintainers:
    - { name: Bastide }
spec:
  runtime: guest
  guests:
    app:
      kind: container
      image: debian-12
      cpus: 1
      memory: 256MiB
      disk: 3GiB
      zone: apps
      volumes: { data: { path: /var/lib/visitor, size: 1GiB } }
  requires:
    cache: { interface: redis/v1 }
    name:
      interface: dns-record/v1
      request: { name: visitor, type: A, value: "{{ guest.app.address }}" }
  secrets:
    badge: { length: 24 }
  hooks:
    install: { timeout: 1m, weight: 1 }
    configure: { timeout: 1m, weight: 1 }
    check: { timeout: 1m, weight: 1 }
`;

const BLUEPRINT = `apiVersion: bastide.dev/v1
kind: Blueprint
metadata: { name: trio, version: 1.0.0, title: Trio, summary: Three guests that need each other., audience: tests }
spec:
  modules:
    dns: { module: dns, version: ^1 }
    redis: { module: redis, version: ^1 }
    visitor: { module: visitor, version: ^1, bindings: { cache: redis, name: dns } }
  sizes: { small: {} }
`;

/** Says how often it was installed and configured: one line each time. */
const HOOKS: Readonly<Record<string, string>> = {
  install: `set -eu
sleep 2
date >> /var/lib/visitor/installed`,
  configure: `set -eu
jq -r .secrets.badge "$BASTIDE_INPUT" > /var/lib/visitor/badge
date >> /var/lib/visitor/configured`,
  // A key written over verified TLS is read back, and the own name leads to the own address.
  check: `set -eu
cache() { jq -r ".bindings.cache.$1" "$BASTIDE_INPUT"; }
ca=$(mktemp)
trap 'rm -f "$ca"' EXIT
cache caCertificate > "$ca"
answer=$( (printf 'AUTH %s %s\\r\\nSET %switness here\\r\\nGET %switness\\r\\n' "$(cache username)" "$(cache password)" "$(cache keyPrefix)" "$(cache keyPrefix)"; sleep 1) |
  timeout 10 openssl s_client -quiet -verify_return_error -CAfile "$ca" -connect "$(cache host):$(cache port)" 2>/dev/null | tr -d '\\r')
echo "$answer" | grep -qx here || { echo "::error Redis says: $answer"; exit 1; }
name=$(jq -r .bindings.name.fqdn "$BASTIDE_INPUT")
getent ahostsv4 "$name" | grep -q "$(jq -r .guest.address "$BASTIDE_INPUT") " || { echo "::error $name leads elsewhere"; exit 1; }
[ "$(cat /var/lib/visitor/badge)" = "$(jq -r .secrets.badge "$BASTIDE_INPUT")" ] || { echo "::error another badge"; exit 1; }
[ "$(wc -l < /var/lib/visitor/installed)" = 1 ] || { echo "::error installed more than once"; exit 1; }`,
};

/** A blueprint of three guests with two bindings: the smallest that has everything. */
export function writeTrio(extra: string): void {
  const module = join(extra, 'modules/visitor');
  mkdirSync(join(module, 'hooks'), { recursive: true });
  mkdirSync(join(extra, 'blueprints/trio'), { recursive: true });
  writeFileSync(join(extra, 'blueprints/trio/blueprint.yaml'), BLUEPRINT);
  writeFileSync(join(module, 'module.yaml'), MODULE);
  for (const [hook, script] of Object.entries(HOOKS))
    writeFileSync(join(module, 'hooks', hook), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
