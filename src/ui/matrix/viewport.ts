/** Which part of a grid is seen, and how large. Pure. */

const LARGEST_CELL_PX = 160;
const FIT_WIDTH_PX = 96;
const FIT_HEIGHT_PX = 40;
const LABEL_CHAR_PX = 6.9;
const FLAT_TOP_PX = 26;

export class Viewport {
  width = 1;
  height = 1;
  /** Device pixels to a CSS pixel. */
  ratio = 1;
  /** Space for labels. */
  left = 60;
  top = FLAT_TOP_PX;
  cellWidth = 10;
  cellHeight = 10;
  /** Labels of columns lie flat. */
  flat = true;
  private zoom = 1;
  private offsetX = 0;
  private offsetY = 0;
  private rowCount = 0;
  private columnCount = 0;
  private longestColumn = 0;

  /** `longest`: characters of the longest labels. */
  resize(
    width: number,
    height: number,
    ratio: number,
    counts: { rows: number; columns: number },
    longest: { row: number; column: number },
  ): void {
    [this.width, this.height, this.ratio] = [width, height, ratio];
    [this.rowCount, this.columnCount] = [counts.rows, counts.columns];
    this.longestColumn = longest.column;
    this.left = Math.min(longest.row * LABEL_CHAR_PX + 16, width * 0.32, 260);
    this.layOut();
  }

  private layOut(): void {
    const room = this.width - this.left;
    const width = Math.min(FIT_WIDTH_PX, room / Math.max(1, this.columnCount)) * this.zoom;
    this.cellWidth = Math.min(width, Math.max(LARGEST_CELL_PX, FIT_WIDTH_PX));
    const labelPx = this.longestColumn * LABEL_CHAR_PX + 10;
    this.flat = this.cellWidth >= labelPx;
    this.top = this.flat ? FLAT_TOP_PX : Math.min(labelPx + 8, this.height * 0.3, 150);
    const height = Math.min(FIT_HEIGHT_PX, (this.height - this.top) / Math.max(1, this.rowCount)) * this.zoom;
    this.cellHeight = Math.min(height, LARGEST_CELL_PX / 2);
    this.clamp();
  }

  private clamp(): void {
    const most = (count: number, cell: number, room: number): number => Math.max(0, count * cell - room);
    this.offsetX = Math.min(Math.max(0, this.offsetX), most(this.columnCount, this.cellWidth, this.width - this.left));
    this.offsetY = Math.min(Math.max(0, this.offsetY), most(this.rowCount, this.cellHeight, this.height - this.top));
  }

  x = (column: number): number => this.left + column * this.cellWidth - this.offsetX;
  y = (row: number): number => this.top + row * this.cellHeight - this.offsetY;

  rows(count: number): [number, number] {
    const first = Math.max(0, Math.floor(this.offsetY / this.cellHeight));
    return [first, Math.min(count, Math.ceil((this.offsetY + this.height - this.top) / this.cellHeight))];
  }

  columns(count: number): [number, number] {
    const first = Math.max(0, Math.floor(this.offsetX / this.cellWidth));
    return [first, Math.min(count, Math.ceil((this.offsetX + this.width - this.left) / this.cellWidth))];
  }

  /** The cell at a point; undefined outside the grid. */
  at(x: number, y: number): { readonly row: number; readonly column: number } | undefined {
    if (x < this.left || y < this.top) return undefined;
    const column = Math.floor((x - this.left + this.offsetX) / this.cellWidth);
    const row = Math.floor((y - this.top + this.offsetY) / this.cellHeight);
    return column < this.columnCount && row < this.rowCount ? { row, column } : undefined;
  }

  pan(dx: number, dy: number): void {
    this.offsetX -= dx;
    this.offsetY -= dy;
    this.clamp();
  }

  /** The point stays where it is. */
  zoomAt(x: number, y: number, factor: number): void {
    const column = (x - this.left + this.offsetX) / this.cellWidth;
    const row = (y - this.top + this.offsetY) / this.cellHeight;
    const most = Math.max(1, (LARGEST_CELL_PX / this.cellWidth) * this.zoom);
    this.zoom = Math.min(Math.max(1, this.zoom * factor), most);
    this.layOut();
    this.offsetX = column * this.cellWidth - (x - this.left);
    this.offsetY = row * this.cellHeight - (y - this.top);
    this.clamp();
  }

  fit(): void {
    this.zoom = 1;
    this.layOut();
  }

  /** So that a cell is wholly seen. */
  show(row: number, column: number): void {
    const [x, y] = [this.x(column), this.y(row)];
    if (x < this.left) this.offsetX -= this.left - x;
    if (x + this.cellWidth > this.width) this.offsetX += x + this.cellWidth - this.width;
    if (y < this.top) this.offsetY -= this.top - y;
    if (y + this.cellHeight > this.height) this.offsetY += y + this.cellHeight - this.height;
    this.clamp();
  }
}
