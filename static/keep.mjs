// What only the browser can do for a session: compress it, copy a link, save a file, take a picture.

// Raw DEFLATE of a text. Without the browser's streams it is stored as it is: longer, and read the same.
export const deflate = async (text) => {
  const bytes = new TextEncoder().encode(text);
  if (typeof CompressionStream === "function") {
    try {
      const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    } catch { /* this browser's streams know other forms only */ }
  }
  const out = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 65535) {
    const part = bytes.subarray(at, at + 65535);
    const [low, high] = [part.length & 255, part.length >> 8];
    out.push(Uint8Array.of(at + 65535 >= bytes.length ? 1 : 0, low, high, low ^ 255, high ^ 255), part);
  }
  return new Uint8Array(await new Blob(out).arrayBuffer());
};

// Copies a text; false where the browser does not let the page.
export const copy = async (text, field) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const shown = document.getElementById(field);
    shown?.select();
    try { return document.execCommand("copy"); } catch { return false; }
  }
};

const download = (name, blob) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

// Saves a text as a file.
export const save = (name, type, text) => download(name, new Blob([text], { type }));

const PAINT = ["color", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "visibility"];
const TYPE = ["font-family", "font-size", "font-weight", "font-style", "letter-spacing", "text-anchor"];
const USUAL = { "fill-opacity": "1", opacity: "1", visibility: "visible", "stroke-dasharray": "none", "font-style": "normal", "letter-spacing": "normal", "text-anchor": "start" };

// A colour token as the theme in force has it.
const resolver = () => {
  const known = new Map();
  const probe = document.createElement("i");
  document.body.append(probe);
  const resolve = (text) => text.replace(/var\((--[\w-]+)\)/g, (_, token) => {
    if (!known.has(token)) {
      probe.style.color = `var(${token})`;
      known.set(token, getComputedStyle(probe).color);
    }
    return known.get(token);
  });
  return { resolve, done: () => probe.remove() };
};

// The stage as one SVG that needs nothing else: computed styles become attributes, tokens colours.
const drawing = (overlay, title) => {
  const shown = document.querySelector("svg.things");
  if (!shown) return null;
  const copy = shown.cloneNode(true);
  const [from, to] = [shown.querySelectorAll("*"), copy.querySelectorAll("*")];
  from.forEach((element, index) => {
    const style = getComputedStyle(element);
    const target = to[index];
    const names = /^(text|tspan)$/.test(element.localName) ? [...PAINT, ...TYPE] : PAINT;
    for (const name of names) {
      const value = style.getPropertyValue(name);
      if (value && value !== USUAL[name]) target.setAttribute(name, value.replaceAll('url("#', "url(#").replaceAll('")', ")"));
    }
    for (const name of ["class", "tabindex", "role", "aria-label", "aria-hidden", "data-pick", "key"]) target.removeAttribute(name);
    if (element.matches(".handle, .ring, .act")) target.dataset.drop = "";
  });
  copy.querySelectorAll("[data-drop]").forEach((element) => element.remove());
  const { width, height } = shown.viewBox.baseVal;
  for (const name of [...copy.getAttributeNames()]) if (name !== "viewBox") copy.removeAttribute(name);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const { resolve, done } = resolver();
  const packets = new DOMParser().parseFromString(`<svg xmlns="http://www.w3.org/2000/svg">${overlay}</svg>`, "image/svg+xml").documentElement;
  const layer = document.createElementNS("http://www.w3.org/2000/svg", "g");
  layer.append(...packets.childNodes);
  copy.append(layer);
  const used = new Set([...copy.querySelectorAll("use")].map((use) => use.getAttribute("href").slice(1)));
  const defs = document.createElementNS("http://www.w3.org/2000/svg", "defs");
  document.querySelectorAll(".defs pattern, .defs [id]").forEach((part) => {
    if (part.localName === "pattern" || used.has(part.id)) defs.append(part.cloneNode(true));
  });
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  Object.entries({ width, height, fill: "var(--paper)" }).forEach(([name, value]) => paper.setAttribute(name, value));
  const name = document.createElementNS("http://www.w3.org/2000/svg", "title");
  name.textContent = title;
  copy.prepend(name, defs, paper);
  const mono = getComputedStyle(document.querySelector("canvas") ?? document.body).fontFamily.replaceAll('"', "'");
  const text = resolve(new XMLSerializer().serializeToString(copy)).replaceAll("$mono", mono);
  done();
  return { text, width, height };
};

// Saves the stage as SVG, or as PNG at twice its size. Gives a sentence where that fails.
export const picture = async (overlay, title, png) => {
  const drawn = drawing(overlay, title);
  if (!drawn) return "The stage is shown as tables: there is no picture to save.";
  const vector = new Blob([drawn.text], { type: "image/svg+xml" });
  if (!png) {
    download("kubarium.svg", vector);
    return "";
  }
  const url = URL.createObjectURL(vector);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [drawn.width * 2, drawn.height * 2];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!blob) throw new Error("no image");
    download("kubarium.png", blob);
    return "";
  } catch {
    return "This site's policy does not let the page draw a PNG. The SVG holds the same picture.";
  } finally {
    URL.revokeObjectURL(url);
  }
};
