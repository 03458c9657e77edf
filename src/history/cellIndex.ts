/**
 * Numbers the cells of a matrix by row and column. There are at most as many cells as series, so the table is allocated
 * once: a growing Map of a million cells would block the thread for a tenth of a second each time.
 */

export class CellIndex {
  length = 0;
  private readonly rows: Uint32Array;
  private readonly columns: Uint32Array;
  /** Open addressing; a number plus one, 0: empty. At most half full. */
  private readonly places: Uint32Array;

  constructor(most: number) {
    this.rows = new Uint32Array(most);
    this.columns = new Uint32Array(most);
    this.places = new Uint32Array(2 ** Math.ceil(Math.log2(most * 2 + 2)));
  }

  /** By cell. */
  get row(): Uint32Array {
    return this.rows.subarray(0, this.length);
  }

  get column(): Uint32Array {
    return this.columns.subarray(0, this.length);
  }

  /**
   * The number of a cell; a new number for a new cell. @throws RangeError when there are more cells than the table's
   * maximum
   */
  numberOf(row: number, column: number): number {
    const mask = this.places.length - 1;
    let hash = Math.imul(row, 0x9e3779b1) ^ Math.imul(column, 0x85ebca6b);
    hash ^= hash >>> 15;
    let place = hash & mask;
    for (; this.places[place] !== 0; place = (place + 1) & mask) {
      const cell = this.places[place] - 1;
      if (this.rows[cell] === row && this.columns[cell] === column) return cell;
    }
    if (this.length === this.rows.length) throw new RangeError(`found more than ${this.length} cells`);
    const cell = this.length;
    this.length += 1;
    this.places[place] = cell + 1;
    this.rows[cell] = row;
    this.columns[cell] = column;
    return cell;
  }
}
