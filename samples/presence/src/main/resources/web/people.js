/** Who is here, as the server's `presence` messages tell it. No DOM here, and no names as keys of objects. */
export class People {
  #people = new Map(); // name -> what each of their devices says of itself
  /** Devices in all. */
  count = 0;
  /** Whether everybody is listed: in a room that is too full only their number is told. */
  isListed = true;

  /** `[name, devices]`, in the order in which they came. */
  get all() {
    return [...this.#people];
  }

  /** @param data of a `presence` message: `{state}`, then `{joins, leaves}`, or `{count}` */
  apply({ state, joins = {}, leaves = {}, count }) {
    this.isListed = count === undefined;
    if (!this.isListed || state) this.#people.clear();
    for (const [name, devices] of Object.entries(state ?? {})) this.#people.set(name, devices);
    for (const [name, gone] of Object.entries(leaves)) this.#take(name, gone);
    for (const [name, come] of Object.entries(joins)) this.#people.set(name, [...(this.#people.get(name) ?? []), ...come]);
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
