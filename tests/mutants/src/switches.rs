//! Finds what may be changed in a source file, and writes the file with every change in it, each behind a switch.
//!
//! The changes are those of cargo-mutants (its book, "Generating mutants"): what a function answers, operators, negations,
//! arms and guards of a match. Here nothing is compiled or run.

use std::fmt::Write as _;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Block, Expr, Item, Pat, ReturnType, Type, UnOp};

/// The function that tells whether a mutant is on, as the rewritten files call it.
pub const SWITCH: &str = "crate::mutants::is";

/// One change of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// Its number, from 1.
    pub id: u32,
    /// The line that it is in, from 1.
    pub line: usize,
    /// The function that it is in, with its type.
    pub function: String,
    /// What is changed, for people.
    pub what: String,
    /// What it is in the text: the bytes that it takes the place of.
    place: Range<usize>,
    edit: Edit,
}

/// How a change is put behind its switch.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit {
    /// The body begins with answering this.
    Answer(String),
    /// An expression in the place of another.
    Instead(String),
    /// A match arm that is passed over.
    NoArm,
    /// A guard that is always so, or never.
    Guard(bool),
}

/// What in a rewritten file belongs to a mutant: bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The mutant.
    pub id: u32,
    /// Its text.
    pub text: Range<usize>,
    /// The same with what it takes the place of.
    pub whole: Range<usize>,
}

/// All mutants of a source file, in the order of the text, numbered from `first`. Tests and constants have none.
pub fn find(source: &str, first: u32) -> syn::Result<Vec<Mutant>> {
    let file = syn::parse_file(source)?;
    let mut finder = Finder {
        source,
        names: Vec::new(),
        found: Vec::new(),
    };
    finder.visit_file(&file);
    let mut found = finder.found;
    found.sort_by_key(|mutant| (mutant.place.start, mutant.place.end));
    for (id, mutant) in (first..).zip(&mut found) {
        mutant.id = id;
    }
    Ok(found)
}

struct Finder<'a> {
    source: &'a str,
    /// The type and the functions around.
    names: Vec<String>,
    found: Vec<Mutant>,
}

impl Finder<'_> {
    fn text(&self, node: &impl Spanned) -> &str {
        &self.source[node.span().byte_range()]
    }

    /// What an operator stands beside, whole, though the operator binds otherwise than the one before.
    fn operand(&self, expr: &Expr) -> String {
        match expr {
            Expr::Binary(_) => format!("({})", self.text(expr)),
            _ => self.text(expr).to_owned(),
        }
    }

    fn add(&mut self, place: Range<usize>, what: String, edit: Edit) {
        self.found.push(Mutant {
            id: 0,
            line: self.source[..place.start].matches('\n').count() + 1,
            function: self.names.join("::"),
            what,
            place,
            edit,
        });
    }

    fn function(&mut self, attributes: &[Attribute], signature: &syn::Signature, body: &Block) {
        let is_const = signature.constness.is_some();
        if is_const || is_for_tests(attributes) {
            return;
        }
        self.names.push(signature.ident.to_string());
        let inner =
            body.brace_token.span.open().byte_range().end..body.brace_token.span.close().byte_range().start;
        let before = self.source[inner.clone()].trim().to_owned();
        if !body.stmts.is_empty() {
            for value in answers(&signature.output) {
                if value != before {
                    let what = format!("answer {value}");
                    self.add(inner.clone(), what, Edit::Answer(value));
                }
            }
        }
        visit::visit_block(self, body);
        self.names.pop();
    }

    fn instead(&mut self, whole: &Expr, before: &str, after: &str, text: String) {
        let what = if after.is_empty() {
            format!("delete {before}")
        } else {
            format!("{before} to {after}")
        };
        self.add(whole.span().byte_range(), what, Edit::Instead(text));
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Const(_) | Item::Static(_) | Item::Macro(_) | Item::Enum(_) | Item::Struct(_) => {}
            Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_type(&mut self, _: &'ast Type) {}

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of_trait = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        // What is printed for a programmer's eyes is nobody's promise.
        if is_for_tests(&item.attrs) || of_trait.is_some_and(|name| name.ident == "Debug") {
            return;
        }
        self.names.push(self.text(&item.self_ty).to_owned());
        visit::visit_item_impl(self, item);
        self.names.pop();
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.names.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.names.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.attrs, &item.sig, body);
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Binary(binary) if !has_let(expr) => {
                let (before, others) = operators(&binary.op);
                let (left, right) = (self.operand(&binary.left), self.operand(&binary.right));
                for after in others {
                    self.instead(expr, before, after, format!("{left} {after} {right}"));
                }
            }
            Expr::Unary(unary) => {
                let before = match unary.op {
                    UnOp::Not(_) => "!",
                    UnOp::Neg(_) => "-",
                    _ => "",
                };
                if !before.is_empty() {
                    let text = self.text(&unary.expr).to_owned();
                    self.instead(expr, before, "", text);
                }
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_expr_match(&mut self, whole: &'ast syn::ExprMatch) {
        let has_rest = whole.arms.iter().any(|arm| matches!(&arm.pat, Pat::Wild(_)));
        for arm in &whole.arms {
            match &arm.pat {
                Pat::Guard(guarded) if !has_let(&guarded.guard) => {
                    let place = guarded.guard.span().byte_range();
                    let guard = self.text(&guarded.guard).to_owned();
                    for so in [true, false] {
                        self.add(place.clone(), format!("guard {guard} to {so}"), Edit::Guard(so));
                    }
                }
                Pat::Guard(_) | Pat::Wild(_) => {}
                pattern if has_rest => {
                    let what = format!("delete arm {}", self.text(pattern));
                    self.add(pattern.span().byte_range(), what, Edit::NoArm);
                }
                _ => {}
            }
        }
        visit::visit_expr_match(self, whole);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test"))
    })
}

/// Whether a condition binds names, so that it can't stand in parentheses.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// An operator, and what it is changed to.
fn operators(operator: &BinOp) -> (&'static str, &'static [&'static str]) {
    match operator {
        BinOp::Add(_) => ("+", &["-", "*"]),
        BinOp::Sub(_) => ("-", &["+", "/"]),
        BinOp::Mul(_) => ("*", &["+", "/"]),
        BinOp::Div(_) => ("/", &["%", "*"]),
        BinOp::Rem(_) => ("%", &["/", "+"]),
        BinOp::And(_) => ("&&", &["||"]),
        BinOp::Or(_) => ("||", &["&&"]),
        BinOp::BitXor(_) => ("^", &["|", "&"]),
        BinOp::BitAnd(_) => ("&", &["|", "^"]),
        BinOp::BitOr(_) => ("|", &["&", "^"]),
        BinOp::Shl(_) => ("<<", &[">>"]),
        BinOp::Shr(_) => (">>", &["<<"]),
        BinOp::Eq(_) => ("==", &["!="]),
        BinOp::Ne(_) => ("!=", &["=="]),
        BinOp::Lt(_) => ("<", &["==", ">", "<="]),
        BinOp::Le(_) => ("<=", &[">"]),
        BinOp::Gt(_) => (">", &["==", "<", ">="]),
        BinOp::Ge(_) => (">=", &["<"]),
        BinOp::AddAssign(_) => ("+=", &["-=", "*="]),
        BinOp::SubAssign(_) => ("-=", &["+=", "/="]),
        BinOp::MulAssign(_) => ("*=", &["+=", "/="]),
        BinOp::DivAssign(_) => ("/=", &["*=", "%="]),
        BinOp::BitOrAssign(_) => ("|=", &["&="]),
        BinOp::BitAndAssign(_) => ("&=", &["|="]),
        _ => ("", &[]),
    }
}

/// What a function may answer instead.
fn answers(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, of) => values(of),
    }
}

/// Values of a type, as expressions. None of one that has no name.
fn values(of: &Type) -> Vec<String> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match of {
        Type::Tuple(tuple) if tuple.elems.is_empty() => owned(&["()"]),
        Type::Tuple(tuple) => {
            let parts: Vec<Vec<String>> = tuple.elems.iter().map(values).collect();
            let most = parts.iter().map(Vec::len).max().unwrap_or(0);
            if parts.iter().any(Vec::is_empty) {
                return Vec::new();
            }
            (0..most)
                .map(|at| {
                    let parts: Vec<&str> = parts.iter().map(|part| part[at % part.len()].as_str()).collect();
                    format!("({})", parts.join(", "))
                })
                .collect()
        }
        Type::Reference(reference) => match reference.elem.as_ref() {
            Type::Path(path) if path.path.is_ident("str") => owned(&["\"\"", "\"xyzzy\""]),
            Type::Slice(_) if reference.mutability.is_none() => owned(&["&[]"]),
            inner => values(inner)
                .into_iter()
                .map(|value| format!("Box::leak(Box::new({value}))"))
                .collect(),
        },
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return Vec::new();
            };
            let inner = |form: &str| -> Vec<String> {
                first_argument(last)
                    .map(values)
                    .unwrap_or_default()
                    .iter()
                    .map(|value| form.replace('_', value))
                    .collect()
            };
            match last.ident.to_string().as_str() {
                "bool" => owned(&["true", "false"]),
                "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => owned(&["0", "1"]),
                "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => owned(&["0", "1", "-1"]),
                "f32" | "f64" => owned(&["0.0", "1.0", "-1.0"]),
                "String" => owned(&["String::new()", "\"xyzzy\".into()"]),
                "Option" => [owned(&["None"]), inner("Some(_)")].concat(),
                "Result" => inner("Ok(_)"),
                "Vec" => [owned(&["vec![]"]), inner("vec![_]")].concat(),
                "Box" => inner("Box::new(_)"),
                "Arc" => inner("std::sync::Arc::new(_)"),
                _ => owned(&["Default::default()"]),
            }
        }
        _ => Vec::new(),
    }
}

fn first_argument(segment: &syn::PathSegment) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

/// A piece of text to put in. Of those at one place the inner end comes first, then the outer beginning.
struct Insertion {
    at: usize,
    order: (bool, usize, u8),
    text: String,
    /// Whose text which bytes of it are.
    owners: Vec<(u32, Range<usize>)>,
}

/// The file with these mutants behind their switches, and where in it each of them is.
pub fn rewrite(source: &str, mutants: &[&Mutant]) -> (String, Vec<Written>) {
    let mut insertions: Vec<Insertion> = Vec::new();
    let mut groups: Vec<(&Range<usize>, Vec<&Mutant>)> = Vec::new();
    for mutant in mutants {
        let kind = std::mem::discriminant(&mutant.edit);
        match groups
            .iter_mut()
            .rev()
            .find(|(place, group)| **place == mutant.place && std::mem::discriminant(&group[0].edit) == kind)
        {
            Some((_, group)) => group.push(mutant),
            None => groups.push((&mutant.place, vec![mutant])),
        }
    }
    for (place, group) in &groups {
        open_and_close(place, group, &mut insertions);
    }
    insertions.sort_by_key(|insertion| (insertion.at, insertion.order));
    let mut text = String::with_capacity(source.len() * 2);
    let mut written: Vec<Written> = Vec::new();
    let mut done = 0;
    for insertion in &insertions {
        text.push_str(&source[done..insertion.at]);
        done = insertion.at;
        let base = text.len();
        text.push_str(&insertion.text);
        for (id, range) in &insertion.owners {
            let text = base + range.start..base + range.end;
            match written.iter_mut().find(|written| written.id == *id) {
                Some(written) => written.whole.end = text.end,
                None => written.push(Written {
                    id: *id,
                    whole: text.clone(),
                    text,
                }),
            }
        }
    }
    text.push_str(&source[done..]);
    (text, written)
}

fn open_and_close(place: &Range<usize>, group: &[&Mutant], insertions: &mut Vec<Insertion>) {
    let mut text = String::new();
    let mut owners = Vec::new();
    let mut own = |text: &mut String, mutant: &Mutant, written: &str| {
        let from = text.len();
        text.push_str(written);
        owners.push((mutant.id, from..text.len()));
    };
    // The longer of two that begin together is around the other.
    let mut at = place.start;
    // And a guard is around what it is an operation of.
    let guards = matches!(group[0].edit, Edit::Guard(_));
    let mut order = (true, usize::MAX - place.len(), u8::from(!guards));
    let mut end = String::new();
    for mutant in group {
        let id = mutant.id;
        match &mutant.edit {
            Edit::Answer(value) => {
                own(
                    &mut text,
                    mutant,
                    &format!(" if {SWITCH}({id}) {{ return {value}; }}"),
                );
            }
            Edit::Instead(other) => {
                text.push_str(if text.is_empty() { "(" } else { " else " });
                own(&mut text, mutant, &format!("if {SWITCH}({id}) {{ {other} }}"));
                " })".clone_into(&mut end);
            }
            Edit::NoArm => {
                at = place.end;
                order = (false, 0, 0);
                own(&mut text, mutant, &format!(" if !{SWITCH}({id})"));
            }
            Edit::Guard(true) => own(&mut text, mutant, &format!("{SWITCH}({id}) || ")),
            Edit::Guard(false) => {
                own(&mut text, mutant, &format!("!{SWITCH}({id}) && "));
                ")".clone_into(&mut end);
            }
        }
    }
    match group[0].edit {
        Edit::Instead(_) => text.push_str(" else { "),
        Edit::Guard(_) => {
            text.push('(');
            ")".clone_into(&mut end);
        }
        Edit::Answer(_) | Edit::NoArm => {}
    }
    insertions.push(Insertion {
        at,
        order,
        text,
        owners,
    });
    if !end.is_empty() {
        let owners = group.iter().map(|mutant| (mutant.id, 0..end.len())).collect();
        insertions.push(Insertion {
            at: place.end,
            order: (false, place.len(), u8::from(guards)),
            text: end,
            owners,
        });
    }
}

/// The module that the switches are in: `count` mutants, one of them on by the environment variable `MUTANT`; where it is
/// `reached`, which ones are asked for is added to the file that `MUTANTS_REACHED` names, a line each.
pub fn switch_module(count: u32) -> String {
    let mut text = String::from("//! Which mutant is on.\n");
    let _ = write!(
        text,
        r#"
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{{AtomicBool, Ordering}};

static ON: OnceLock<Option<u32>> = OnceLock::new();
static REACHED: [AtomicBool; {size}] = [const {{ AtomicBool::new(false) }}; {size}];

pub(crate) fn is(mutant: u32) -> bool {{
    let on = ON.get_or_init(|| match std::env::var("MUTANT").as_deref() {{
        Ok("reached") => None,
        Ok(number) => Some(number.parse().unwrap()),
        Err(_) => Some(0),
    }});
    if on.is_none() && !REACHED[mutant as usize].swap(true, Ordering::Relaxed) {{
        let path = std::env::var("MUTANTS_REACHED").unwrap();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{{mutant}}\n").as_bytes()).unwrap();
    }}
    *on == Some(mutant)
}}
"#,
        size = count + 1
    );
    text
}
