/** The site `demo`: the embedded lab, described the way every other Proxmox cluster would be. */
export interface LabFacts {
  readonly url: string;
  readonly fingerprint: string;
  readonly hostAddress: string;
  readonly network: number;
}

/** 10.<network>.<zone>.0/24 per zone; the lab holds .1 of each as the router. */
export const DEMO_ZONES = { edge: 1, services: 2, apps: 3 } as const;
export const DEMO_IMAGE = 'debian-12-bastide_12.0-1_amd64.tar.zst';

export const labNetworks = (network: number): string[] =>
  Object.values(DEMO_ZONES).map((zone) => `vmbr${zone}=10.${network}.${zone}.0/24`);

export function demoSite(lab: LabFacts, domain: string): string {
  const zones = Object.entries(DEMO_ZONES).map(
    ([name, zone]) => `    ${name}:
      bridge: vmbr${zone}
      cidr: 10.${lab.network}.${zone}.0/24
      gateway: 10.${lab.network}.${zone}.1
      addresses: { from: 10.${lab.network}.${zone}.10, to: 10.${lab.network}.${zone}.250 }`,
  );
  return `apiVersion: bastide.dev/v1
kind: Site
metadata: { name: demo }
spec:
  domain: ${domain}
  country: DE
  timeZone: Europe/Berlin
  adminEmail: admin@${domain}
  managementNetworks: [${lab.hostAddress}/32]
  substrates:
    lab:
      kind: proxmox
      endpoint: ${lab.url}
      fingerprint: "${lab.fingerprint}"
      credential: secret:pve-token
      guestIds: { from: 1000, to: 1999 }
      storageClasses: { guests: local-zfs }
      images:
        debian-12:
          container: { volume: "local:vztmpl/${DEMO_IMAGE}" }
  zones:
${zones.join('\n')}
`;
}
