// The YAML editor: CodeMirror 6 over the page's textarea. `npm run editor` bundles this into
// static/editor.js, which is checked in; the page loads it when it is idle and does without it otherwise.
import { closeBrackets, closeBracketsKeymap, completionKeymap, autocompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore, isolateHistory } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentUnit, syntaxTree } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { StyleModule } from "style-mod";
import { complete } from "./complete.mjs";
import { marks, setMarks } from "./marks.mjs";

// CodeMirror writes its style sheets into a style element, which a strict policy refuses. A constructed
// sheet is no element, and adopting it is allowed.
const sheet = new CSSStyleSheet();
const mounted = new Set();
StyleModule.mount = (root, modules) => {
  for (const module of [modules].flat()) {
    if (mounted.has(module)) continue;
    mounted.add(module);
    for (const rule of module.rules) sheet.insertRule(rule, sheet.cssRules.length);
  }
  const home = root.adoptedStyleSheets ? root : document;
  if (!home.adoptedStyleSheets.includes(sheet)) home.adoptedStyleSheets = [sheet, ...home.adoptedStyleSheets];
};

// Texts longer than this are handed to the page when somebody pauses, not with every key.
const PROMPT_CHARACTERS_MAX = 256 * 1024;
const PAUSE_MS = 200;

// Classes for what the design colours: keys, values, numbers, punctuation, comments.
const number = /^[-+]?(\d[\d_]*(\.\d+)?|0x[\da-f]+|0o?[0-7]+)([eE][-+]?\d+|%|[mkKMGTPE]i?)?$|^(true|false|null|~)$/;
const classed = Object.fromEntries(["k", "v", "n", "p", "c"].map((name) => [name, Decoration.mark({ class: name })]));
const classOf = (node, state) => {
  switch (node.name) {
    case "Comment": return "c";
    case "Literal":
      if (node.node.parent?.name === "Key") return "k";
      return number.test(state.sliceDoc(node.from, Math.min(node.to, node.from + 40))) ? "n" : "v";
    case "QuotedLiteral": return node.node.parent?.name === "Key" ? "k" : "v";
    case "BlockLiteralContent": return "v";
    case "Anchor": case "Alias": case "Tag": return "n";
    case ":": case ",": case "-": case "?": case "{": case "}": case "[": case "]":
    case "DocEnd": case "DirectiveEnd": case "BlockLiteralHeader": return "p";
    default: return null;
  }
};
const colours = ViewPlugin.fromClass(class {
  constructor(view) { this.decorations = this.paint(view); }
  update(update) {
    const grown = syntaxTree(update.state) !== syntaxTree(update.startState);
    if (update.docChanged || update.viewportChanged || grown) this.decorations = this.paint(update.view);
  }
  paint(view) {
    const found = [];
    for (const { from, to } of view.visibleRanges) {
      syntaxTree(view.state).iterate({ from, to, enter: (node) => {
        const name = node.to > node.from ? classOf(node, view.state) : null;
        if (name) found.push(classed[name].range(node.from, node.to));
      } });
    }
    return Decoration.set(found, true);
  }
}, { decorations: (plugin) => plugin.decorations });

// What the page gave last. One editor is there at a time; its text and history outlive a change of tab.
let page = null;
let kept = null;

// Tab indents, but the keyboard is never trapped: Escape, then Tab, leaves.
let leaving = false;
const tab = (act) => (view) => {
  if (leaving || view.state.readOnly) { leaving = false; return false; }
  return act(view);
};

const extensions = () => [
  lineNumbers(), codeFolding(), foldGutter({ markerDOM: (open) => {
    const mark = document.createElement("span");
    mark.className = open ? "cm-open" : "cm-shut";
    return mark;
  } }),
  highlightActiveLine(), highlightActiveLineGutter(), history(), drawSelection(), dropCursor(),
  EditorState.allowMultipleSelections.of(true), EditorState.tabSize.of(2), indentUnit.of("  "),
  yaml(), colours, bracketMatching(), closeBrackets(), highlightSelectionMatches({ minSelectionLength: 2 }), search({ top: true }),
  autocompletion({ override: [(context) => complete(context, page)], icons: false, maxRenderedOptions: 60 }),
  marks, limited,
  keymap.of([
    { key: "Mod-Enter", run: () => { flush(); page?.apply(); return true; } },
    { key: "Tab", run: tab(indentMore), shift: tab(indentLess) },
    ...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap,
  ]),
  EditorView.contentAttributes.of({ id: "editor", tabindex: "0", "aria-label": "Manifest, YAML", "data-arrows": "", spellcheck: "false", autocapitalize: "off" }),
  EditorView.domEventHandlers({
    keydown: (event) => {
      if (event.key === "Escape") leaving = true;
      else if (event.key !== "Tab" && event.key !== "Shift") leaving = false;
      return false;
    },
    blur: () => { leaving = false; flush(); return false; },
    // Files are the page's: it joins several and refuses what is too large.
    drop: (event) => event.dataTransfer?.files.length > 0 && (page?.files(event.dataTransfer), event.preventDefault(), true),
    paste: (event) => event.clipboardData?.files.length > 0 && (page?.files(event.clipboardData), event.preventDefault(), true),
  }),
  EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state); }),
];

// A text that is longer than the page takes is not taken, and the page says so.
const bytes = (text) => (text.length > page.max / 3 ? new TextEncoder().encode(text.toString()).length : text.length);
const limited = EditorState.changeFilter.of((transaction) => {
  if (!page || transaction.newDoc.length <= transaction.startState.doc.length) return true;
  const size = bytes(transaction.newDoc);
  if (size > page.max) page.refused(size);
  return size <= page.max;
});

let waiting = 0;
let given = false;
const tell = () => { waiting = 0; if (view) page?.text(view.state.doc.toString()); };
const flush = () => { if (waiting) { clearTimeout(waiting); tell(); } };
const changed = (state) => {
  if (given) return;
  if (state.doc.length <= PROMPT_CHARACTERS_MAX) return void (clearTimeout(waiting), tell());
  clearTimeout(waiting);
  waiting = setTimeout(tell, PAUSE_MS);
};

let view = null;

// Takes the place of `area` inside `host`. `hooks` is what the page wants to hear and what it knows:
// {text(string), apply(), files(DataTransfer), names(kind), refused(bytes), max}.
export const mount = (host, area, hooks) => {
  page = hooks;
  const text = area.value;
  const focused = document.activeElement === area;
  const same = kept?.doc.toString() === text.replaceAll("\r\n", "\n");
  const at = { anchor: area.selectionStart, head: area.selectionEnd };
  const length = text.length;
  const state = same ? kept : EditorState.create({
    doc: text,
    selection: focused && at.head <= length ? at : undefined,
    extensions: extensions(),
  });
  const top = area.closest(".code")?.scrollTop ?? 0;
  view = new EditorView({ state, parent: host });
  area.hidden = true;
  view.scrollDOM.scrollTop = top;
  if (focused) view.focus();
};

// Leaves; what was written stays for the next time.
export const unmount = () => {
  flush();
  kept = view?.state ?? null;
  view?.destroy();
  view = null;
};

// Another text, as one step of the history.
export const replace = (text) => {
  if (!view || view.state.doc.toString() === text) return;
  given = true;
  view.dispatch({
    changes: { from: 0, to: view.state.doc.length, insert: text },
    selection: { anchor: 0 },
    scrollIntoView: true,
    annotations: isolateHistory.of("full"),
    userEvent: "input.open",
  });
  given = false;
};

// What is said of the text: `{notes: [[line, bad, word]], errors: [[line, from, to, message]]}`, lines from 0.
export const mark = (text) => view?.dispatch({ effects: setMarks.of(JSON.parse(text)) });

// What the editor holds now.
export const current = () => { flush(); return view ? view.state.doc.toString() : null; };

export const focus = () => view?.focus();
