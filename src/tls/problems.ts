/** What went wrong with a TLS connection, in words that say what to do, for those codes of Node and OpenSSL that people meet. */
import { codeOf, messageOf } from '../diagnostics/errors.ts';

const untrusted = 'its certificate is signed by nobody that --tls-ca names';
const plain = 'it speaks HTTP and not HTTPS there';
const plainMessage = /wrong version number|packet length too long/;
const ourCertificate = 'it does not take our certificate';

const words: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: plain,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plain,
  ERR_SSL_HTTP_REQUEST: 'it speaks HTTP to a port for HTTPS',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  INVALID_PURPOSE: 'its certificate is not for this use; a node needs one for servers and for clients',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names than the one it was asked by',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it shows no certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ourCertificate,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ourCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ourCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ourCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not trust our certificate',
};

/** A word on an error that is about TLS; undefined for any other. */
export function tlsProblem(error: unknown): string | undefined {
  const code = codeOf(error) ?? '';
  // A write that meets it first has a code of its own.
  if (code === 'EPROTO' && plainMessage.test(messageOf(error))) return plain;
  return words[code];
}

/** The word on a code of OpenSSL's verification, or the code. */
export function verifyProblem(code: string): string {
  return words[code] ?? code;
}
