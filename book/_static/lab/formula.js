/* A formula as a jet: the grammar, refusals and hints of lib/formula.py. A formula is data, not a program; nothing of
   it is ever executed. */
lab.part(lab => {
  "use strict";
  const LENGTH = 500, DEPTH = 40, POWER = 100, PARENTHESES = 200, CONSTANTS = {pi: Math.PI, e: Math.E};
  /** How tightly a sign binds; a sign before its operand binds by 8. */
  const BINDS = {"<": 1, ">": 1, "<=": 1, ">=": 1, "==": 1, "!=": 1, "|": 2, "^": 3, "&": 4, "<<": 5, ">>": 5, "+": 6,
                 "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "@": 7, "**": 9};
  const TOKEN = new RegExp([
    String.raw`(?<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)`, String.raw`(?<name>((np|numpy|math)\.)?[\p{L}_][\p{L}\p{N}_]*)`,
    String.raw`(?<sign>\*\*|\/\/|<<|>>|[<>=!]=|[-+*\/%@|^&~<>(),])`, "(?<end>$)"].join("|"), "uy");

  lab.FormulaError = class extends Error {};
  const known = () => Object.keys(lab.FUNCTIONS).sort().join(", ");
  /** How many letters two words share: the longest run of them, and what is shared on either side of it. */
  function shared(a, b) {
    for (let long = a.length; long; long--) for (let i = 0; i + long <= a.length; i++) {
      const j = b.indexOf(a.slice(i, i + long));
      if (j >= 0) return long + shared(a.slice(0, i), b.slice(0, j)) + shared(a.slice(i + long), b.slice(j + long));
    }
    return 0;
  }
  function suggested(word) {
    const near = one => 2 * shared(one, word) / (one.length + word.length);
    const [best] = Object.keys(lab.FUNCTIONS).sort((a, b) => near(b) - near(a) || (a < b ? 1 : -1));
    return near(best) >= 0.6 ? `did you mean ${best}?` : `known are ${known()}`;
  }
  const allowed = () => `is not allowed; use + - * / **, numbers and ${known()}`;
  const quoted = text => text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replace(/['\\]/g, "\\$&")}'`;
  const told = value => `${value}`.replace("NaN", "nan").replace("Infinity", "inf");
  const refusal = (text, why) => new lab.FormulaError(`formula ${quoted(text)}${why}`);

  lab.general = (value, digits = 6) => told(Number.isFinite(value) ? +value.toPrecision(digits) : value);

  class Reader {
    constructor(text) { Object.assign(this, {whole: text, text: text.trim(), at: 0, open: 0}).next(); }

    fail = (reason = "invalid syntax") => refusal(this.whole, `: ${reason}`);
    refuse = (node, why) => refusal(this.whole, `: ${quoted(this.text.slice(node.start, node.end))} ${why}`);
    is = (...signs) => this.kind === "sign" && signs.includes(this.token);
    node = (start, fields) => ({start, end: this.before, from: start, ...fields});

    // from a text to a tree, whose nodes know where they stand; parentheses around one count for what it is part of

    next() {
      this.before = this.at;
      this.start = TOKEN.lastIndex = this.at + /^[ \t\f]*/.exec(this.text.slice(this.at))[0].length;
      const found = TOKEN.exec(this.text);
      if (!found) throw this.refuse({start: 0}, allowed());
      [this.kind, this.token] = Object.entries(found.groups).find(one => one[1] !== undefined);
      this.at = this.start + this.token.length;
    }

    /** What follows, as far as signs bind more tightly than this. */
    tree(bound = 0) {
      const {start, token} = this;
      if (!this.is("+", "-", "~")) return this.chain(this.atom(), bound);
      this.next();
      return this.chain(this.node(start, {unary: token, inner: this.tree(8)}), bound);
    }

    chain(left, bound) {
      for (let sign = this.token; this.kind === "sign" && BINDS[sign] > bound; sign = this.token) {
        this.next();
        left = this.node(left.from, {sign, left, right: this.tree(Math.min(8, BINDS[sign]))});
      }
      if (bound || this.token !== "if") return left;
      this.next();
      const test = this.tree(0.5);
      if (this.token !== "else") throw this.fail("expected 'else' after 'if' expression");
      this.next();
      return this.node(left.from, {test, yes: left, no: this.tree()});
    }

    atom() {
      const {start, kind, token} = this;
      if (kind === "end") throw this.fail(this.open ? "'(' was never closed" : undefined);
      this.next();
      if (kind === "number" && this.kind === "name" && this.start === start + token.length) throw this.fail("invalid decimal literal");
      if (kind === "number") return this.node(start, {value: +token.replace(/_/g, "")});
      if (kind === "name" && !this.is("(")) return this.node(start, {name: token.normalize("NFKC")});
      if (kind === "sign" && token !== "(" || ++this.open > PARENTHESES) throw this.fail();
      const called = kind === "name";
      if (called) this.next();
      const given = called && this.is(")") ? [] : [this.tree()];
      while (called && this.is(",")) if (this.next(), !this.is(")")) given.push(this.tree());
      if (!this.is(")")) throw this.fail(this.kind === "end" ? "'(' was never closed" : undefined);
      this.open--;
      this.next();
      return called ? this.node(start, {call: token.replace(/^\w+\./, ""), given}) : {...given[0], from: start};
    }

    // from the tree to jets

    part(node, depth) {
      if (!depth) throw refusal(this.whole, ` is nested more than ${DEPTH} deep`);
      const made = this.meaning(node, one => this.part(one, depth - 1));
      const large = made.constant !== null && !Number.isFinite(made.constant);
      if (large) throw this.refuse(node, `is too large: a constant in it is ${told(made.constant)}`);
      if (made.hidden) throw this.refuse(node, "bends where it cannot be found out; give kinks=(...)");
      return made;
    }

    meaning(node, part) {
      const {value, name, unary, sign, call, left, right, test} = node;
      if (value !== undefined) return lab.number(value < 1e308 ? value : Infinity);
      if (/^(True|False|None)$|\./.test(name) || unary === "~") throw this.refuse(node, allowed());
      if (name === "x") return lab.X;
      if (name && !Object.hasOwn(CONSTANTS, name.toLowerCase())) throw this.refuse(node, "is unknown; the variable is x");
      if (name) return lab.number(CONSTANTS[name.toLowerCase()]);
      if (unary) return lab.mul(unary === "-" ? -1 : 1, part(node.inner));
      if (BINDS[sign] === 1) return this.where(node, 1, 0, part);
      if (test) return this.where(test, part(node.yes), part(node.no), part);
      if (sign === "-" && left.call === "exp" && left.given.length === 1 && right.value === 1) return lab.FUNCTIONS.expm1(part(left.given[0]));
      if (sign) return this.operation(node, part(left), part(right));
      if (call === "where" && node.given.length === 3) return this.where(node.given[0], ...node.given.slice(1).map(part), part);
      const given = node.given.map(part), word = call.toLowerCase();
      if (!Object.hasOwn(lab.FUNCTIONS, word)) throw this.refuse(node, `is unknown; ${suggested(word)}`);
      const f = lab.FUNCTIONS[word], many = given.length;
      if (many < f.length || many > (lab.MOST[word] ?? f.length)) throw this.refuse(node, "has the wrong number of arguments");
      return f(...given);
    }

    /** One or the other by a comparison; which of them at the very kink is left open. */
    where(test, yes, no, part) {
      const {sign, left, right} = test, chained = BINDS[left?.sign] === 1 && left.from === left.start;
      if (!/^[<>]=?$/.test(sign) || chained) throw this.refuse(test, "is no condition; write one of < <= > >=, as in x > 1");
      return sign[0] === ">" ? lab.choice(part(left), part(right), yes, no) : lab.choice(part(right), part(left), yes, no);
    }

    operation(node, a, b) {
      const f = {"+": lab.add, "-": lab.sub, "*": lab.mul, "/": lab.div}[node.sign];
      if (node.sign === "/" && b.constant === 0) throw this.refuse(node, "divides by zero");
      if (f) return f(a, b);
      const hint = node.sign === "^" ? "; write ** for a power" : "";
      if (node.sign !== "**") throw this.refuse(node, `is not allowed${hint}`);
      if (Math.abs(b.constant) > POWER) throw this.refuse(node, `has an exponent beyond ${POWER}`);
      if (b.constant !== null) return lab.power(a, b.constant);
      if (a.constant > 0) return lab.FUNCTIONS.exp(lab.mul(Math.log(a.constant), b));
      throw this.refuse(node, "needs a constant exponent or a positive constant base; write exp(b*log(a))");
    }
  }

  /** The function that a formula means; a FormulaError names the part that cannot be used. */
  lab.formula = text => {
    if (!text || text.length > LENGTH) throw new lab.FormulaError(`a formula is a text of at most ${LENGTH} characters`);
    const reader = new Reader(text), tree = reader.tree();
    if (reader.kind !== "end") throw reader.fail();
    const made = reader.part(tree, DEPTH);
    if (made.constant !== null) throw refusal(text, " does not depend on x");
    const at = [0, ...made.kinks], [y] = made.at(at, 0), i = y.findIndex(value => !Number.isFinite(value));
    if (i >= 0) throw refusal(text, ` is ${told(y[i])} at x = ${lab.general(at[i])}`);
    return made;
  };

  // as activations

  lab.NAMES = ["tanh", "erf", "relu", "leaky_relu", "hard_tanh", "sigmoid", "gelu", "swish", "silu", "softplus", "elu",
               "selu", "sin", "linear", "hermite"];
  /** The series of `lib.activations.critical_coefficients(4, 0.4)`, its input cut to [-3, 3], by Horner's rule. */
  function hermite() {
    const u = lab.formula("clip(x, -3, 3)"), [a, b, c] = [-Math.sqrt(0.2), -0.4 / Math.sqrt(6), Math.sqrt(0.064 / 24)];
    const terms = [c, b, a - 6 * c, 1 - 3 * b, Math.sqrt(0.912) - a + 3 * c].map(one => one / Math.sqrt(2.536));
    return terms.reduce((sum, one) => lab.add(lab.mul(sum, u), one), 0);
  }

  /** The nonlinearity meant by a name or a formula, with what averages need to know of it. */
  lab.activation = lab.kept(text => {
    const listed = Object.hasOwn(lab.FUNCTIONS, text), {abs} = Math;
    const unknown = `phi: unknown activation '${text}'; known: ${lab.NAMES.join(", ")}, and formulas as 'x*tanh(x)'`;
    if (!listed && text !== "x" && !lab.NAMES.includes(text) && /^[\p{L}_][\p{L}\p{N}_]*$/u.test(text)) throw new lab.FormulaError(unknown);
    const jet = text === "linear" ? lab.X : text === "hermite" ? hermite() : lab.formula(listed ? `${text}(x)` : text);
    const probe = Float64Array.from({length: 96}, (_, i) => -7.9 + 15.8 * i / 95), {kinks} = jet;
    const x = probe.filter(x => kinks.every(kink => abs(x - kink) > 0.02)), y = jet.at(x, 2);
    for (const [k, label] of ["phi", "dphi", "d2phi"].entries()) {
      const i = y[k].findIndex(value => !Number.isFinite(value));
      if (i >= 0) throw new lab.FormulaError(`${label} returned ${told(y[k][i])} at x = ${lab.general(x[i], 3)}`);
    }
    const out = Array.from({length: 60}, (_, i) => (i % 2 ? 1 : -1) / 2 ** (i >> 1));
    const jumps = order => kinks.map(kink => {
      const aside = 1e-13 * abs(kink) + 1e-15, y = jet.at([aside, -aside, ...out].map(u => kink + u), order);
      const [jump, size] = [y[order][0] - y[order][1], Math.max(...[...y[0], ...y[order]].map(abs))];
      return [kink, abs(jump) > 1e-9 * size ? jump : 0];
    });
    if (jumps(0).some(one => one[1])) throw new lab.FormulaError(`${text} jumps, so that its slope, and with it chi1, is infinite; `
      + "take a nonlinearity without jumps");
    const slopes = jumps(1), mirrored = kinks.every((kink, i) => abs(kink + kinks.at(-1 - i)) < 1e-8);
    const rests = abs(jet.at([1e-200], 0)[0][0]) < 1e-150, homogeneous = jet.straight && rests && kinks.every(kink => kink === 0);
    return {name: text, jet, kinks, parity: mirrored && jet.parity, bent: slopes.some(one => one[1]), homogeneous,
            jumps: jet.straight && slopes};
  });
});
