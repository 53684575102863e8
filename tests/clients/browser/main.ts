// Serves the page from an origin of its own, opens it in a headless Chromium, and prints what the page tells.
//
// Usage: CHROMIUM=/usr/bin/chromium node main.mjs URL TEMPLATE PAGE.js
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { some } from "../walk";
import type { Told } from "./page";

// All that the pages do may take so long, milliseconds.
const PATIENCE = 90_000;
// A host that only this browser knows.
const STRANGER = "stranger.example";
const HTML = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>';

/** The origin of the pages. It emits "over" when they have told everything. */
class Pages extends EventEmitter {
  readonly told: Told[] = [];
  private readonly server = createServer((request, response) => void this.answer(request, response));

  constructor(private readonly script: Buffer) {
    super();
  }

  /** The port. */
  async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (some(request.url).split("?")[0]) {
      case "/told": {
        const told = JSON.parse(await text(request)) as Told;
        console.log(told.line);
        this.told.push(told);
        response.end();
        break;
      }
      case "/page.js":
        response.setHeader("content-type", "text/javascript").end(this.script);
        break;
      case "/over":
        response.end();
        this.emit("over");
        break;
      case "/":
        response.setHeader("content-type", "text/html").end(HTML);
        break;
      default:
        response.writeHead(404).end();
    }
  }
}

/** The addresses of the pages, each of which goes on to the next. */
function addresses(port: number, server: string, template: string): string {
  const there = `http://${STRANGER}:${port}`;
  const second = `${there}/?${new URLSearchParams({ server, then: `${there}/over` })}`;
  return `http://127.0.0.1:${port}/?${new URLSearchParams({ server, template, then: second })}`;
}

function browse(chromium: string, profile: string, address: string): ChildProcess {
  const flags = [
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    `--user-data-dir=${profile}`,
    // Nobody but the two is ever asked.
    `--host-resolver-rules=MAP ${STRANGER} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    // Chromium's sandbox refuses to work for root. The pages are ours.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ];
  // A group of its own, so that all of its processes can be ended.
  return spawn(chromium, [...flags, address], { detached: true, stdio: ["ignore", "ignore", "pipe"] });
}

const [server, template, script] = [some(process.argv[2]), some(process.argv[3]), some(process.argv[4])];
const pages = new Pages(await readFile(script));
const port = await pages.listen();
const profile = await mkdtemp(join(tmpdir(), "gauntlet-browser-"));
const browser = browse(some(process.env["CHROMIUM"]), profile, addresses(port, server, template));
let said = "";
browser.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
const gone = once(browser, "exit");
try {
  const over = once(pages, "over", { signal: AbortSignal.timeout(PATIENCE) });
  const ended = gone.then(([code]) => Promise.reject(new Error(`it ended early with ${code}`)));
  await Promise.race([over, ended]);
  process.exitCode = pages.told.length > 0 && pages.told.every(({ passed }) => passed) ? 0 : 1;
} catch (error) {
  console.log(`browser: FAILED with ${error}; chromium said:\n${said}`);
  process.exitCode = 1;
} finally {
  if (browser.exitCode === null && browser.pid !== undefined) {
    process.kill(-browser.pid, "SIGKILL");
    await gone;
  }
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit();
