/** What to say where a port is taken. */
import { createServer } from 'node:net';

/** A port that could be had in place of a taken one: the next that is free. */
export async function freePort(taken: number, host: string | undefined): Promise<number> {
  for (let port = taken + 1; port < Math.min(taken + 100, 65_536); port++) if (await isFree(port, host)) return port;
  return 0;
}

function isFree(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
