/** Settings: who may come in, and what nodes and clients show each other. */
import { optionalText, text, toggle, type Others } from '../kinds.ts';

export const securityEntries = {
  clusterSecret: text({
    why: 'Proves to peers that this node belongs to the cluster; give it by environment, flags show in process lists',
    choose: 'A long random text, the same on each node; kvorum up makes one',
    neededBy: 'both',
    isCommon: true,
    isSecret: true,
    placeholder: 'TEXT',
    default: '',
  }),
  insecure: toggle({
    why: 'Listen beyond loopback without a cluster secret, so that any machine that reaches the node can act as its peer',
    choose: 'Off; on only where every machine that reaches the node is trusted',
    neededBy: 'node',
    default: false,
  }),
  tlsCert: optionalText({
    why: "The node's certificate as PEM, and those between it and --tls-ca; both ports then speak TLS; read again at SIGHUP",
    choose: 'One for servers and clients, for the name in --self, signed by --tls-ca; needs an https --self',
    neededBy: 'node',
    placeholder: 'FILE',
    default: undefined,
    defaultWords: 'none: no TLS',
    check: completeTls,
  }),
  tlsKey: optionalText({
    why: 'The private key of --tls-cert as PEM, without a passphrase',
    choose: 'A file that only the node may read',
    neededBy: 'node',
    placeholder: 'FILE',
    default: undefined,
    defaultWords: 'none',
    check: (key, { tlsCert }) =>
      key !== undefined && tlsCert === undefined ? 'it is of use only with --tls-cert' : undefined,
  }),
  tlsCa: optionalText({
    why: 'Certificates of the authority that signs the nodes, as PEM; a peer that shows none of its certificates is refused',
    choose: 'An authority for this cluster alone: whoever has one of its certificates may try to be a peer',
    neededBy: 'node',
    placeholder: 'FILE',
    default: undefined,
    defaultWords: 'none',
  }),
  tokensFile: optionalText({
    why: 'Hashes of the client tokens that are let in, a line each as kvorum token writes them; read again at SIGHUP',
    choose: 'Wherever more than trusted clients reach the node; with TLS, since tokens travel as they are',
    neededBy: 'node',
    placeholder: 'FILE',
    default: undefined,
    defaultWords: 'none: no tokens are asked for',
  }),
};

/** TLS needs all three files, and a URL that says so. */
function completeTls(cert: string | undefined, { tlsKey, tlsCa, self }: Others): string | undefined {
  if (cert === undefined) return undefined;
  const missing = Object.entries({ '--tls-key': tlsKey, '--tls-ca': tlsCa }).flatMap(([flag, file]) =>
    file === undefined ? [flag] : [],
  );
  if (missing.length > 0) return `TLS also needs ${missing.join(' and ')}`;
  return URL.canParse(self) && new URL(self).protocol === 'http:' ? `--self "${self}" is not https` : undefined;
}
