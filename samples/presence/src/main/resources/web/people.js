/** The present users, from the server's `presence` messages. No DOM access. Names are never keys of plain objects. */
export class People {
  #people = new Map(); // name -> info of each device
  /** Total number of devices. */
  count = 0;
  /** Whether the users are listed: in a room over the limit the server sends only their number. */
  isListed = true;

  /** `[name, devices]`, in order of arrival. */
  get all() {
    return [...this.#people];
  }

  /** @param data data of a `presence` message: `{state}` first, then `{joins, leaves}`, or `{count}` */
  apply({ state, joins = {}, leaves = {}, count }) {
    this.isListed = count === undefined;
    if (!this.isListed || state) this.#people.clear();
    for (const [name, devices] of Object.entries(state ?? {})) this.#people.set(name, devices);
    for (const [name, gone] of Object.entries(leaves)) this.#take(name, gone);
    for (const [name, infos] of Object.entries(joins))
      this.#people.set(name, [...(this.#people.get(name) ?? []), ...infos]);
    this.count = count ?? this.all.reduce((sum, [, devices]) => sum + devices.length, 0);
  }

  #take(name, gone) {
    const devices = [...(this.#people.get(name) ?? [])];
    for (const device of gone) {
      const index = devices.findIndex((one) => JSON.stringify(one) === JSON.stringify(device));
      if (index >= 0) devices.splice(index, 1);
    }
    if (devices.length === 0) this.#people.delete(name);
    else this.#people.set(name, devices);
  }
}
