/** A typed list of listeners. A listener that throws does not keep others from being called. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `listener` at every `type`; the returned function stops that. */
  on<Type extends keyof Events>(type: Type, listener: (value: Events[Type]) => void): () => void {
    let set = this.#listeners.get(type);
    if (!set) this.#listeners.set(type, (set = new Set()));
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Calls everybody who listens to `type`. */
  protected emit<Type extends keyof Events>(type: Type, value: Events[Type]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        (listener as (value: Events[Type]) => void)(value);
      } catch (thrown) {
        // Shown like any uncaught error, outside our own flow.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
