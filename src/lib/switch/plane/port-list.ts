/** Ports in the order in which they came, to be walked for every frame that goes to many. */
export class PortList {
  readonly #ports: Int16Array;
  count = 0;

  /** For `size` ports at most. */
  constructor(size: number) {
    this.#ports = new Int16Array(size);
  }

  at(index: number): number {
    return this.#ports[index]!;
  }

  add(port: number): void {
    this.#ports[this.count++] = port;
  }

  remove(port: number): void {
    const at = this.#ports.subarray(0, this.count).indexOf(port);
    if (at >= 0) this.#ports.copyWithin(at, at + 1, this.count--);
  }

  /** Becomes those ports of another list that a condition holds for. */
  become(list: PortList, condition: (port: number) => boolean): void {
    this.count = 0;
    for (let index = 0; index < list.count; index++) if (condition(list.at(index))) this.add(list.at(index));
  }
}
