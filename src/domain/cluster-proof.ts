/**
 * How the cluster secret is proved without being sent: an HMAC over the topology, so that two clusters never mix by
 * accident, in one wording for the replica port and in another for the profiling endpoint of the client port. Who reads
 * one of them on the wire has not got the other.
 */
import { createHmac } from 'node:crypto';

/** Where `kvorum up` keeps the secret of its cluster, in the cluster's directory. */
export const clusterSecretFile = 'cluster-secret';

/** The `authorization` field by which nodes know each other. `topology` is the digest of the cluster's URLs. */
export function replicaProof(secret: string, topology: string): string {
  return proof(secret, topology);
}

/** The `authorization` field that switches a node's recordings on and off. */
export function profileProof(secret: string, topology: string): string {
  return proof(secret, `profile ${topology}`);
}

function proof(secret: string, text: string): string {
  return `Bearer ${createHmac('sha256', secret).update(text).digest('hex')}`;
}
