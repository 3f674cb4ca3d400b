/** What SCRAM needs to check a password without knowing it (RFC 5802 §3), base64. */
export interface Verifier {
  salt: string;
  iterations: number;
  storedKey: string;
  serverKey: string;
}
