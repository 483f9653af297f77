import { type Framing, type Size, within } from "./framing.js";

/** Longest side that is worked with: a phone's memory holds it, and a face has pixels enough. */
const LONGEST_SIDE = 3000;

/** Longest side of what is sent to find the face in. */
const LONGEST_SENT = 1600;

/** Largest side of what an avatar is made of; the server takes no more pixels from a square. */
const LARGEST_FRAMED = 1080;

/** JPEG: beyond this, nothing is to be seen but a larger file. */
const QUALITY = 0.93;

/** A square picture to be sent. */
export interface Framed {
  file: Blob;
  /** Pixels. */
  side: number;
}

/** A picture in memory, upright. */
export class Source implements Size {
  private constructor(private readonly canvas: HTMLCanvasElement) {}

  get width(): number {
    return this.canvas.width;
  }
  get height(): number {
    return this.canvas.height;
  }

  /** Reads a file; `undefined` when this browser cannot. */
  static async read(file: Blob): Promise<Source | undefined> {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    if (!bitmap) return undefined;
    const source = Source.of(bitmap, bitmap);
    bitmap.close();
    return source;
  }

  /** Takes a picture out of anything that can be drawn. */
  static of(image: CanvasImageSource, { width, height }: Size): Source {
    return new Source(scaled(image, { width, height }, LONGEST_SIDE));
  }

  /** The whole, as a file small enough to be sent, and how much smaller it is. */
  async whole(): Promise<{ file: Blob; scale: number }> {
    const canvas = scaled(this.canvas, this, LONGEST_SENT);
    return { file: await encoded(canvas), scale: canvas.width / this.width };
  }

  /** What lies in the square, as a file with as many pixels a side as there are. */
  async framed(framing: Framing): Promise<Framed> {
    const side = Math.max(2, Math.round(Math.min(LARGEST_FRAMED, framing.side) / 2) * 2);
    const canvas = blank({ width: side, height: side });
    this.draw(canvas, framing);
    return { file: await encoded(canvas), side };
  }

  /** Draws what lies in the square over the whole of a canvas. */
  draw(canvas: HTMLCanvasElement, framing: Framing): void {
    const { x, y, side, turn } = within(framing, this);
    const context = canvas.getContext("2d");
    if (!context) return;
    const scale = canvas.width / side;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.translate(canvas.width / 2, canvas.height / 2);
    context.scale(scale, scale);
    context.rotate((turn * Math.PI) / 180);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.canvas, -x, -y);
  }
}

function blank({ width, height }: Size): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** A copy whose longer side is at most `longest`. */
function scaled(image: CanvasImageSource, size: Size, longest: number): HTMLCanvasElement {
  const scale = Math.min(1, longest / Math.max(size.width, size.height));
  const canvas = blank({
    width: Math.max(1, Math.round(size.width * scale)),
    height: Math.max(1, Math.round(size.height * scale)),
  });
  const context = canvas.getContext("2d");
  if (context) {
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
  }
  return canvas;
}

/** As JPEG, which holds nothing of the place and time that the file may have told. */
function encoded(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null): void =>
      blob ? resolve(blob) : reject(new Error("This browser cannot save the picture."));
    canvas.toBlob(done, "image/jpeg", QUALITY);
  });
}
