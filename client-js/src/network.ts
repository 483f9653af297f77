type Connection = EventTarget & { type?: string };

/** Calls `changed` whenever this machine's way to the network changes. */
export function watchNetwork(changed: () => void, signal: AbortSignal): void {
  if (typeof window === "undefined") return;
  window.addEventListener("online", changed, { signal });
  // Not in every browser: Wi-Fi to mobile without an offline moment in between. The event also
  // tells of new speed estimates, which are none of our business.
  const { connection } = navigator as Navigator & { connection?: Connection };
  let type = connection?.type;
  connection?.addEventListener(
    "change",
    () => {
      if (connection.type === type) return;
      type = connection.type;
      changed();
    },
    { signal },
  );
}
