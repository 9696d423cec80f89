// What kubectl said of the text: a word at a document's kind, an error as a block under its line.
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, WidgetType, gutterLineClass } from "@codemirror/view";

export const setMarks = StateEffect.define();

const make = (name, className, text) => {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
};

class Note extends WidgetType {
  constructor(word, bad) { super(); this.word = word; this.bad = bad; }
  eq(other) { return other.word === this.word && other.bad === this.bad; }
  toDOM() {
    const element = make("em", this.bad ? "bad" : "", "");
    element.append(this.bad ? this.word : make("b", "", this.word));
    return element;
  }
}

class Words extends WidgetType {
  constructor(messages, line) { super(); this.messages = messages; this.line = line; }
  eq(other) { return other.line === this.line && other.messages.join("\n") === this.messages.join("\n"); }
  toDOM() {
    const element = make("div", "note", "");
    for (const message of this.messages) element.append(make("p", "", message));
    return element;
  }
  ignoreEvent() { return false; }
}

const errorLine = Decoration.line({ class: "errline" });
const wavy = Decoration.mark({ tagName: "u" });
const numbered = new class extends GutterMarker { elementClass = "errnumber"; }();

const build = (doc, { notes, errors }) => {
  const found = [];
  const numbers = [];
  const at = (line) => (line < doc.lines ? doc.line(line + 1) : null);
  for (const [line, bad, word] of notes) {
    const place = at(line);
    if (place) found.push(Decoration.widget({ widget: new Note(word, bad), side: 1 }).range(place.to));
  }
  const byLine = new Map();
  for (const [line, from, to, message] of errors) {
    const place = at(line);
    if (!place) continue;
    // Columns are counted in characters, positions in UTF-16.
    const offset = (column) => Math.min(place.to, place.from + [...place.text].slice(0, column).join("").length);
    if (offset(to) > offset(from)) found.push(wavy.range(offset(from), offset(to)));
    byLine.set(line, [...(byLine.get(line) ?? []), message]);
  }
  for (const [line, messages] of byLine) {
    const place = at(line);
    found.push(errorLine.range(place.from));
    numbers.push(numbered.range(place.from));
    found.push(Decoration.widget({ widget: new Words([...new Set(messages)], line), block: true, side: 2 }).range(place.to));
  }
  return { decorations: Decoration.set(found, true), numbers: RangeSet.of(numbers, true) };
};

const none = { decorations: Decoration.none, numbers: RangeSet.empty };

// Marks move with the text until newer ones come.
export const marks = StateField.define({
  create: () => none,
  update: (value, transaction) => {
    const given = transaction.effects.find((effect) => effect.is(setMarks));
    if (given) return build(transaction.state.doc, given.value);
    if (!transaction.docChanged) return value;
    return { decorations: value.decorations.map(transaction.changes), numbers: value.numbers.map(transaction.changes) };
  },
  provide: (field) => [
    EditorView.decorations.from(field, (value) => value.decorations),
    gutterLineClass.from(field, (value) => value.numbers),
  ],
});
