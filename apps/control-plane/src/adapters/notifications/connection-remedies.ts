/** What helps when a connection was not made: by the codes of Node's sockets and of OpenSSL; nodemailer puts its own in their place and leaves the words. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^(ENOTFOUND|EAI_\w+|EDNS)$/, 'Check the host name: it is not known to this machine’s name server.'],
  [/^ECONNREFUSED$/, 'Check host and port: nothing listens there.'],
  [/^(ECONNRESET|EPIPE)$/, 'The other side closed the connection: check the port and the kind of security.'],
  [/^(EHOSTUNREACH|ENETUNREACH)$/, 'Check the address and this machine’s network: there is no way there.'],
  [
    /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT\w*|CERT_SIGNATURE_FAILURE|INVALID_CA)$|self.signed certificate|unable to (verify|get)/,
    'The server’s certificate comes from an authority that is not trusted here: give that authority’s certificate (CA).',
  ],
  [/^CERT_HAS_EXPIRED$|certificate has expired/, 'The server’s certificate has expired: it has to be renewed there.'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$|certificate's altnames/,
    'The server’s certificate is for another name: use the name that it is for.',
  ],
  [
    /^(ERR_SSL_\w+|EPROTO)$/,
    'What answers there does not speak TLS in this way: check the port and the kind of security.',
  ],
];

export function connectionRemedy(error: unknown): string | undefined {
  type Linked = { code?: unknown; message?: unknown; cause?: unknown };
  for (let at = error as Linked | undefined, depth = 0; at && depth < 5; depth += 1) {
    const { code, message } = at;
    const found = REMEDIES.find(([pattern]) =>
      [code, message].some((text) => typeof text === 'string' && pattern.test(text)),
    );
    if (found) return found[1];
    at = at.cause as typeof at;
  }
  return undefined;
}
