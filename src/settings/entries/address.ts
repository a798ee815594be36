/** Settings: where a node listens, and who its cluster is. */
import { integer, list, optionalText, text, toggle, type Others } from '../kinds.ts';

/** Client port of a node that is told neither its port nor its URL. */
export const defaultPort = 8080;

export const addressEntries = {
  port: integer({
    why: 'Port that clients talk to',
    choose: 'Leave it unset where --self names it; give it where a proxy in front of the node has the port of --self',
    neededBy: 'node',
    isCommon: true,
    isPerNode: true,
    range: [0, 65_535],
    minMeans: 'any free one',
    default: ({ selfAsGiven }) => portOf(selfAsGiven) ?? defaultPort,
    defaultWords: `the port of --self, else ${defaultPort}`,
    defaultNote: ({ selfAsGiven }) => (selfAsGiven === undefined ? undefined : 'the port of --self'),
  }),
  self: text({
    why: "This node's own URL, spelled as in --cluster; peers reach the node by it",
    choose: 'A name or address that every other node can reach',
    neededBy: 'node',
    isCommon: true,
    isPerNode: true,
    placeholder: 'URL',
    bounds: 'one of --cluster',
    default: ({ port, tlsCert }) => `${tlsCert === undefined ? 'http' : 'https'}://localhost:${port}`,
    defaultWords: 'http://localhost:PORT',
    check: (self, { tlsCert }) =>
      tlsCert === undefined && isHttps(self) ? 'an https URL needs --tls-cert, --tls-key and --tls-ca' : undefined,
  }),
  cluster: list({
    why: 'URLs of all nodes, this one included, the same list on each node',
    choose: 'Three nodes or more, so that a quorum is left when one is gone; their order does not matter',
    neededBy: 'node',
    isCommon: true,
    isPerNode: true,
    placeholder: 'URL,URL,...',
    bounds: '1 to 64 URLs',
    default: ({ self }) => [self],
    defaultWords: '--self alone',
    defaultNote: () => '--self alone',
  }),
  newCluster: toggle({
    why: 'Begin a new cluster without the nodes that are not there: who begins anew votes at once, unless a peer knows better',
    choose:
      'Off; on for the first start of nodes whose cluster is to begin before all of them are there, and not later',
    neededBy: 'node',
    isCommon: true,
    default: false,
  }),
  newTopology: toggle({
    why: 'Take --cluster and --replication-factor as the new ones of the store, and move the data that they move',
    choose: 'Off; on for the first start of all nodes of a new list together',
    neededBy: 'node',
    default: false,
  }),
  host: optionalText({
    why: 'Address to listen on; unset: loopback if --self is a loopback name, else all interfaces',
    choose: 'One address where a machine has several and only one of them is for the cluster and its clients',
    neededBy: 'both',
    isCommon: true,
    placeholder: 'ADDRESS',
    default: undefined,
    defaultWords: 'chosen from --self',
    defaultNote: () => 'chosen from --self',
  }),
  allowedHosts: list({
    why: 'Names that clients may use for a node besides loopback and its own; where it is set, and on loopback, others get 421',
    choose: 'The names under which proxies in front of the node pass on requests; pages of these names may write',
    neededBy: 'node',
    placeholder: 'NAME,NAME,...',
    bounds: 'names without ports',
    default: [],
    defaultWords: 'none',
  }),
  replicaPort: integer({
    why: 'First port for peers, one for each worker thread; fix it where a firewall stands between nodes',
    choose: '0, or a port with as many free ones behind it as there are workers',
    neededBy: 'worker',
    range: [0, 65_535],
    minMeans: 'any free ones',
    default: 0,
    check: replicaPortProblem,
  }),
};

/** A node that is told only its URL listens on that URL's port. */
function portOf(url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { port } = new URL(url);
  const usual = isHttps(url) ? 443 : 80;
  return port === '' ? usual : Number(port);
}

function isHttps(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:';
}

function replicaPortProblem(first: number, { workers, port }: Others): string | undefined {
  const last = first + workers - 1;
  if (first === 0) return undefined;
  if (last > 65_535) return `${workers} workers need ports up to ${last}`;
  return port >= first && port <= last ? `ports ${first} to ${last} include --port ${port}` : undefined;
}
