import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** A sentence as it stands in the source; what is filled in at run time is a numbered hole, as in `src/i18n/sentences.ts`. */
export interface Said {
  readonly text: string;
  /** `apps/control-plane/src/….ts:12` */
  readonly at: string;
}

/** Text, or a hole; `words`: the hole is filled with words of the control plane's, with these where its type names them. */
type Piece = string | { readonly words: readonly string[] | undefined };
type Sentence = readonly Piece[];
type Call = ts.CallExpression | ts.NewExpression;

/** The fields by which refusals, findings, failures, checks, waits and test results reach people. */
const SAID = new Set(['message', 'remedy', 'hint', 'answer', 'detail', 'what', 'error']);
/** Names of variables that hold a sentence or a part of one. */
const HOLDS_WORDS = /\b(messages?|lastWait|fault|what)\b/;
const WORDS = /[a-z]{2}/;
const DEEPEST = 8;
/** A name with more values than this is no choice of words. */
const MOST_WAYS = 12;

/**
 * Every sentence that the sources below `folder` can say to people. Literals are followed through conditions, tables,
 * variables, functions and their arguments, as the compiler resolves them. What is put together otherwise (`join` of
 * pieces, `replace`) is one hole: such a sentence is to be written as one template.
 */
export function saidSentences(folder: string, skip: RegExp): Said[] {
  const reader = new Reader(sourcesBelow(folder).filter((file) => !skip.test(file)));
  const said = reader.all();
  const texts = new Set(said.map(({ text }) => text));
  const bySaying = (text: string): string => text.replace(/\{(\d+)\}/g, '{$1…}');
  return said.filter(({ text }) => bySaying(text) === text || !texts.has(bySaying(text)));
}

export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

export const sourcesBelow = (folder: string): string[] =>
  filesBelow(folder).filter((file) => /(?<!\.spec)\.ts$/.test(file));

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #sources: readonly ts.SourceFile[];
  readonly #calls = new Map<ts.Node, Call[]>();
  /** Parameters of the calls that are being read. */
  readonly #bound = new Map<ts.Node, ts.Expression | undefined>();

  constructor(files: readonly string[]) {
    const program = ts.createProgram(files, {
      noResolve: true,
      types: [],
      lib: ['lib.es2023.d.ts'],
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    });
    this.#checker = program.getTypeChecker();
    this.#sources = program.getSourceFiles().filter((file) => !file.isDeclarationFile);
    for (const source of this.#sources) walk(source, (node) => this.#noteCall(node));
  }

  all(): Said[] {
    const found = new Map<string, Said>();
    for (const source of this.#sources) {
      walk(source, (node) => {
        const value = this.#spoken(node);
        if (!value) return;
        const line = source.getLineAndCharacterOfPosition(value.getStart()).line + 1;
        const at = `${relative('.', source.fileName)}:${line}`;
        for (const sentence of this.#read(value, 0).filter((one) => WORDS.test(written(one)))) {
          const words = sentence.flatMap((piece) => (typeof piece === 'string' ? [] : (piece.words ?? [])));
          for (const text of [written(sentence), ...words]) if (!found.has(text)) found.set(text, { text, at });
        }
      });
    }
    return [...found.values()];
  }

  /** The expression whose value people will read, when this node gives one. */
  #spoken(node: ts.Node): ts.Expression | undefined {
    if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && SAID.has(node.name.text))
      return node.initializer;
    if (ts.isShorthandPropertyAssignment(node) && SAID.has(node.name.text)) return node.name;
    if (!ts.isCallExpression(node)) return undefined;
    if (/\bwaitingFor$/.test(node.expression.getText())) return node.arguments[0];
    // `invalid: (message: string) => void`, given to a function that checks something.
    const called = this.#declared(node.expression);
    const type = called && ts.isParameter(called) ? called.type : undefined;
    const index = type && ts.isFunctionTypeNode(type) ? type.parameters.findIndex(isSaid) : -1;
    return index < 0 ? undefined : node.arguments[index];
  }

  #noteCall(node: ts.Node): void {
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return;
    const called = this.#declared(node.expression);
    const body =
      called && ts.isClassDeclaration(called) ? called.members.find(ts.isConstructorDeclaration) : functionOf(called);
    if (body) this.#calls.set(body, [...(this.#calls.get(body) ?? []), node]);
  }

  #declared(node: ts.Node): ts.Declaration | undefined {
    const symbol = ts.isShorthandPropertyAssignment(node.parent)
      ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
      : this.#checker.getSymbolAtLocation(ts.isPropertyAccessExpression(node) ? node.name : node);
    const meant = symbol && symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
    return meant?.valueDeclaration ?? meant?.declarations?.[0];
  }

  /** All that an expression may say. */
  #read(node: ts.Expression, depth: number): Sentence[] {
    const inner = bare(node);
    const on = (next: ts.Expression): Sentence[] => this.#read(next, depth + 1);
    if (depth > DEEPEST) return [[this.#holeOf(inner)]];
    if (ts.isStringLiteralLike(inner)) return [[inner.text]];
    if (ts.isTemplateExpression(inner)) return this.#template(inner, depth);
    if (ts.isConditionalExpression(inner)) return [...on(inner.whenTrue), ...on(inner.whenFalse)];
    if (ts.isBinaryExpression(inner)) {
      const { kind } = inner.operatorToken;
      if (kind === ts.SyntaxKind.PlusToken) return joined(on(inner.left), on(inner.right));
      if (kind === ts.SyntaxKind.QuestionQuestionToken || kind === ts.SyntaxKind.BarBarToken)
        return [...on(inner.left), ...on(inner.right)];
      if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return on(inner.right);
    }
    const told =
      (ts.isElementAccessExpression(inner) && this.#entries(inner, depth)) ||
      (ts.isIdentifier(inner) && this.#named(inner, depth)) ||
      (ts.isCallExpression(inner) && (this.#listed(inner, depth) ?? this.#returned(inner, depth)));
    return told || [[this.#holeOf(inner)]];
  }

  #template(node: ts.TemplateExpression, depth: number): Sentence[] {
    const own = [node.head, ...node.templateSpans.map(({ literal }) => literal)].some(({ text }) => WORDS.test(text));
    return node.templateSpans.reduce<Sentence[]>(
      (before, { expression, literal }) =>
        joined(joined(before, this.#filling(bare(expression), own, depth + 1)), [[literal.text]]),
      [[node.head.text]],
    );
  }

  /** What a hole may be filled with, as far as it is words of ours: ways of a condition, `|| 'none'`, words named elsewhere. */
  #filling(node: ts.Expression, inWords: boolean, depth: number): Sentence[] {
    const hole: Sentence = [this.#holeOf(node)];
    if (ts.isConditionalExpression(node)) return this.#read(node, depth);
    if (!inWords) return [hole];
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) return this.#read(node, depth);
    if (ts.isBinaryExpression(node) && ts.isStringLiteralLike(node.right) && node.right.text !== '')
      return [hole, [node.right.text]];
    const elsewhere = ts.isCallExpression(node) || ts.isElementAccessExpression(node);
    if (!ts.isIdentifier(node) && !elsewhere) return [hole];
    const ways = this.#read(node, depth);
    const words = ways.filter((way) => WORDS.test(written(way)));
    // What a function or a table gives is looked up by itself: the ways of several would multiply.
    if (elsewhere) return words.length === 0 || words.length > MOST_WAYS ? [hole] : [[{ words: words.map(written) }]];
    if (words.length > MOST_WAYS) return [hole];
    const [other] = ways.filter((way) => !words.includes(way));
    if (!other) return words;
    const said = other.some((piece) => typeof piece !== 'string' && piece.words);
    return [...words, said ? [{ words: this.#holeOf(node).words ?? [] }] : hole];
  }

  /** A hole for a message, or for one of a few words that its type names, is filled with words of ours. */
  #holeOf(node: ts.Expression): Exclude<Piece, string> {
    if (HOLDS_WORDS.test(node.getText())) return { words: [] };
    const type = this.#checker.getTypeAtLocation(node);
    if (!type.isUnion()) return { words: undefined };
    const words = type.types.flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
    return { words: words.length === type.types.length ? words : undefined };
  }

  /** `REMEDIES[state]`: any of the table. */
  #entries(node: ts.ElementAccessExpression, depth: number): Sentence[] | undefined {
    const table = this.#declared(node.expression);
    const value = table && ts.isVariableDeclaration(table) && table.initializer && bare(table.initializer);
    if (!value || !ts.isObjectLiteralExpression(value)) return undefined;
    return value.properties.flatMap((one) =>
      ts.isPropertyAssignment(one) ? this.#read(one.initializer, depth + 1) : [],
    );
  }

  #named(node: ts.Identifier, depth: number): Sentence[] | undefined {
    const found = this.#declared(node);
    if (!found) return undefined;
    if (ts.isVariableDeclaration(found) && ts.isIdentifier(found.name) && found.initializer)
      return this.#read(found.initializer, depth + 1);
    return ts.isParameter(found) ? this.#given(found, depth) : undefined;
  }

  /** What a parameter is given: by the call that is being read, else by any. */
  #given(parameter: ts.ParameterDeclaration, depth: number): Sentence[] | undefined {
    if (this.#bound.has(parameter)) {
      const argument = this.#bound.get(parameter) ?? parameter.initializer;
      return argument && this.#read(argument, depth + 1);
    }
    const index = parameter.parent.parameters.indexOf(parameter);
    const given = (this.#calls.get(parameter.parent) ?? []).flatMap((call) => {
      const argument = call.arguments?.[index];
      return argument ? this.#read(argument, depth + 1) : [];
    });
    return given.length > 0 ? given : undefined;
  }

  /** `[…].join(', ')`: each of them is a sentence, as the reader takes lists apart. */
  #listed(call: ts.CallExpression, depth: number): Sentence[] | undefined {
    const [separator] = call.arguments;
    const joins = ts.isPropertyAccessExpression(call.expression) && call.expression.name.text === 'join';
    if (!joins || !separator || !ts.isStringLiteral(separator) || !/^[,;] $/.test(separator.text)) return undefined;
    const members = this.#members(call.expression.expression, depth + 1);
    return members.length > 0 ? members : undefined;
  }

  #members(list: ts.Expression, depth: number): Sentence[] {
    const inner = bare(list);
    if (depth > DEEPEST) return [];
    if (ts.isArrayLiteralExpression(inner))
      return inner.elements.flatMap((one) =>
        ts.isSpreadElement(one) ? this.#members(one.expression, depth + 1) : this.#read(one, depth + 1),
      );
    if (ts.isIdentifier(inner)) {
      const found = this.#declared(inner);
      return found && ts.isVariableDeclaration(found) && found.initializer
        ? this.#members(found.initializer, depth + 1)
        : [];
    }
    if (!ts.isCallExpression(inner) || !ts.isPropertyAccessExpression(inner.expression)) return [];
    const [act] = inner.arguments;
    if (!/^(map|flatMap)$/.test(inner.expression.name.text))
      return this.#members(inner.expression.expression, depth + 1);
    return act && ts.isArrowFunction(act) && !ts.isBlock(act.body) ? this.#read(act.body, depth + 1) : [];
  }

  #returned(call: ts.CallExpression, depth: number): Sentence[] | undefined {
    const called = functionOf(this.#declared(call.expression));
    const body = called && 'body' in called ? called.body : undefined;
    if (!called || !body) return undefined;
    const found: Sentence[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isReturnStatement(node) && node.expression) found.push(...this.#read(node.expression, depth + 1));
      else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
    };
    for (const [index, parameter] of called.parameters.entries()) this.#bound.set(parameter, call.arguments[index]);
    if (ts.isBlock(body)) visit(body);
    else found.push(...this.#read(body as ts.Expression, depth + 1));
    for (const parameter of called.parameters) this.#bound.delete(parameter);
    return found;
  }
}

const isSaid = ({ name }: ts.ParameterDeclaration): boolean => ts.isIdentifier(name) && SAID.has(name.text);

function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => walk(child, see));
}

function functionOf(node: ts.Declaration | undefined): ts.SignatureDeclaration | undefined {
  if (!node || ts.isFunctionLike(node)) return node;
  const value = ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node) ? node.initializer : undefined;
  return value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) ? value : undefined;
}

function bare(node: ts.Expression): ts.Expression {
  const wrapped =
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isAwaitExpression(node);
  return wrapped ? bare(node.expression) : node;
}

const joined = (before: Sentence[], after: Sentence[]): Sentence[] =>
  before.flatMap((one) => after.map((other) => [...one, ...other]));

function written(sentence: Sentence): string {
  let holes = 0;
  return sentence
    .map((piece) => (typeof piece === 'string' ? piece : `{${holes++}${piece.words ? '…' : ''}}`))
    .join('');
}
