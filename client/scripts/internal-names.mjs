import { join } from 'node:path';
import ts from 'typescript';

const isSignature = (node) => ts.isPropertySignature(node) || ts.isMethodSignature(node);

/** What makes a property, where a signature only says that there is one. */
const isMade = (node) =>
  ts.isPropertyDeclaration(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isAccessor(node) ||
  ts.isPropertyAssignment(node) ||
  ts.isShorthandPropertyAssignment(node) ||
  (ts.isParameter(node) && node.modifiers !== undefined);

const isPrivate = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true;

/** The declarations of the package go without them. */
const isInternal = (node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');

const isMember = (node) => isSignature(node) || isMade(node);

function nameOf({ name }) {
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined;
}

/**
 * The names of properties that nobody outside the package can see, so that the build may give them shorter ones: those
 * that are made in it, and have no part in what it exports, in the protocol, in the platform, and in any text of the code.
 *
 * A name is left alone as soon as it means anything else anywhere: better a name too long than one that is missing.
 *
 * @param {string} client the package's folder
 * @returns {string[]}
 */
export function internalNames(client) {
  const source = join(client, 'src');
  const { fileNames, options } = ts.getParsedCommandLineOfConfigFile(join(client, 'tsconfig.src.json'), {}, ts.sys);
  const program = ts.createProgram(fileNames, options);
  const checker = program.getTypeChecker();
  const isOwn = (node) => node.getSourceFile().fileName.startsWith(source);
  const internal = new Set();
  const taken = new Set();

  const walk = (node) => {
    if (isOwn(node) && isMade(node)) internal.add(nameOf(node));
    else if (!isOwn(node) && isMember(node)) taken.add(nameOf(node));
    // Globals are properties of the global object; a text may name a property.
    else if (!isOwn(node) && ts.isVariableDeclaration(node)) taken.add(nameOf(node));
    else if (ts.isStringLiteralLike(node)) taken.add(node.text);
    ts.forEachChild(node, walk);
  };
  program.getSourceFiles().forEach(walk);

  const seen = new Set();
  /** Takes what can be seen of a declaration, and of those that it names. */
  const publish = (node) => {
    if (isPrivate(node) || isInternal(node) || ts.isBlock(node)) return;
    if (isMember(node)) taken.add(nameOf(node));
    if (ts.isIdentifier(node)) publishSymbol(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, publish);
  };
  const publishSymbol = (symbol) => {
    if (symbol === undefined || seen.has(symbol)) return;
    seen.add(symbol);
    if (symbol.flags & ts.SymbolFlags.Alias) publishSymbol(checker.getAliasedSymbol(symbol));
    for (const declaration of symbol.declarations ?? []) if (isOwn(declaration)) publish(declaration);
  };
  const index = checker.getSymbolAtLocation(program.getSourceFile(join(source, 'index.ts')));
  checker.getExportsOfModule(index).forEach(publishSymbol);

  return [...internal].filter((name) => name !== undefined && !taken.has(name));
}
