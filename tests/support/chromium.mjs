/** Which Chromium is started, and how. Needs no packages: the bench uses it, too. */

import { existsSync } from "node:fs";

/** Where distributions put it. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** No sandbox and no GPU, as in a container. */
export const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Loopback candidates, and none hidden behind mDNS names that nobody here resolves.
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
];

/** Lets sound play without a gesture. */
export const AUTOPLAY = "--autoplay-policy=no-user-gesture-required";

/** The browser: `CHROMIUM`, or the first that is there. */
export function executable() {
  const given = process.env.CHROMIUM;
  const path = (given ? [given] : PLACES).find((place) => existsSync(place));
  if (!path) throw new Error(`${given ?? PLACES[0]} is not there: install chromium, or set CHROMIUM`);
  return path;
}
