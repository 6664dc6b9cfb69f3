//! Values as `pprint.pformat` lays them out (`Lib/pprint.py`): on one line if there is room, else a member a line.

use super::dialect::Dialect;
use super::{Datum, EvalError, Evaluator, Scope};
use crate::model::Addr;
use crate::python::{Limits, Look};

impl Look<'_> {
    /// What `pprint.pformat(…, width=width)` gives, within limits: a longer text ends in `…`. Where pprint would run
    /// code of the inferior, the value is written on one line.
    pub fn pretty(&self, datum: &Datum, limits: &Limits, width: usize) -> String {
        let scope = Scope::nowhere();
        let mut printer = Printer {
            evaluator: &Evaluator::new(self, &scope),
            limits,
            width,
            text: String::new(),
            room: limits.characters,
            cut: false,
            open: Vec::new(),
        };
        printer.format(datum, 0, 0, 0);
        let mut text = printer.text;
        if printer.cut && !text.ends_with('…') {
            text.push('…');
        }
        text
    }
}

/// How a value is laid out: by the class whose `__repr__` it has.
pub(super) enum Form {
    Dict,
    List,
    Tuple,
    Set,
    Text,
    Bytes,
    ByteArray,
    Proxy,
    Namespace,
    DataClass,
    DefaultDict,
    Counter,
    OrderedDict,
    Deque,
}

pub(super) struct Printer<'e, 'l, 'p> {
    pub(super) evaluator: &'e Evaluator<'l, 'p>,
    pub(super) limits: &'e Limits,
    pub(super) width: usize,
    text: String,
    /// Characters that may still be written.
    room: usize,
    pub(super) cut: bool,
    /// The containers that are being written.
    pub(super) open: Vec<Addr>,
}

impl Printer<'_, '_, '_> {
    pub(super) fn put(&mut self, piece: &str) {
        for character in piece.chars() {
            if self.room == 0 {
                self.cut = true;
                return;
            }
            self.room -= 1;
            self.text.push(character);
        }
    }

    pub(super) fn new_line(&mut self, indent: usize) {
        self.put("\n");
        self.put(&" ".repeat(indent.min(self.room)));
    }

    fn format(&mut self, datum: &Datum, indent: usize, allowance: usize, level: usize) {
        if self.cut {
            return;
        }
        if let Datum::Object(object) = datum
            && self.open.contains(object)
        {
            let kind = self.evaluator.type_name(datum);
            self.put(&format!("<Recursion on {kind} with id={}>", object.0));
            return;
        }
        let most = self.width.saturating_sub(indent + allowance);
        let (line, fits) = self.line(datum, most.min(self.room));
        if fits {
            self.put(&line);
            return;
        }
        let deep = self.open.len() >= self.limits.depth;
        let before = (self.text.len(), self.room);
        let done = match self.form(datum) {
            Ok(Some(form)) if !deep => {
                self.open.extend(datum.address());
                let done = self.lay_out(&form, datum, indent, allowance, level + 1);
                if datum.address().is_some() {
                    self.open.pop();
                }
                done.is_ok()
            }
            _ => false,
        };
        if !done {
            self.text.truncate(before.0);
            self.room = before.1;
            let (line, whole) = self.line(datum, self.room);
            self.put(&line);
            self.cut |= !whole;
        }
    }

    pub(super) fn form(&self, datum: &Datum) -> Result<Option<Form>, EvalError> {
        let look = self.evaluator.look;
        let dialect = Dialect::of(look.layout().version);
        let (module, name) = match datum {
            Datum::Object(object) => {
                let class = look.type_of(*object)?.address;
                let Some((owner, method)) = look.class_lookup_from(class, "__repr__")? else {
                    return Ok(None);
                };
                if dialect.lays_out_data_classes && look.is_data_class_repr(owner, method)? {
                    return Ok(Some(Form::DataClass));
                }
                let owner = look.type_at(owner)?;
                (owner.module.clone(), owner.name.clone())
            }
            other => (
                "builtins".to_string(),
                look.host_type_name(other).to_string(),
            ),
        };
        Ok(Some(match (module.as_str(), name.as_str()) {
            ("builtins", "dict") => Form::Dict,
            ("builtins", "list") => Form::List,
            ("builtins", "tuple") => Form::Tuple,
            ("builtins", "set" | "frozenset") => Form::Set,
            ("builtins", "str") => Form::Text,
            ("builtins", "bytes") => Form::Bytes,
            ("builtins", "bytearray") => Form::ByteArray,
            ("builtins", "mappingproxy") => Form::Proxy,
            ("types", "SimpleNamespace") if dialect.lays_out_namespaces => Form::Namespace,
            ("collections", "defaultdict") => Form::DefaultDict,
            ("collections", "Counter") => Form::Counter,
            ("collections", "OrderedDict") => Form::OrderedDict,
            ("collections", "deque") => Form::Deque,
            _ => return Ok(None),
        }))
    }

    fn lay_out(
        &mut self,
        form: &Form,
        datum: &Datum,
        indent: usize,
        allowance: usize,
        level: usize,
    ) -> Result<(), EvalError> {
        let evaluator = self.evaluator;
        let name = evaluator.type_name(datum);
        let inner = indent + name.len() + 1;
        match form {
            Form::Dict => self.dict(datum, indent, allowance, level)?,
            Form::List => {
                self.put("[");
                self.members(&evaluator.iterate(datum)?, indent, allowance + 1, level);
                self.put("]");
            }
            Form::Tuple => {
                let members = evaluator.iterate(datum)?;
                let end = if members.len() == 1 { ",)" } else { ")" };
                self.put("(");
                self.members(&members, indent, allowance + end.len(), level);
                self.put(end);
            }
            Form::Set => {
                let plain = name == "set";
                let members = self.sorted(evaluator.iterate(datum)?, |member| member)?;
                self.put(&if plain {
                    "{".to_string()
                } else {
                    format!("{name}({{")
                });
                let end = if plain { "}" } else { "})" };
                let at = if plain { indent } else { inner };
                self.members(&members, at, allowance + end.len(), level);
                self.put(end);
            }
            Form::Text => self.wrapped_text(datum, indent, allowance, level)?,
            Form::Bytes => self.wrapped_bytes(datum, indent, allowance, level)?,
            Form::ByteArray => {
                self.put("bytearray(");
                self.wrapped_bytes(datum, indent + 10, allowance + 1, level + 1)?;
                self.put(")");
            }
            Form::Proxy => {
                let items = evaluator.items(datum)?;
                self.put("mappingproxy(");
                let copy = Datum::Dict(items.into());
                self.format(&copy, indent + 13, allowance + 1, level);
                self.put(")");
            }
            Form::Namespace => {
                let name = if name == "SimpleNamespace" {
                    "namespace"
                } else {
                    &name
                };
                let inner = indent + name.len() + 1;
                self.put(&format!("{name}("));
                let Datum::Object(object) = datum else {
                    return Ok(());
                };
                let attributes = evaluator.look.instance_attributes(*object, self.room)?;
                let attributes = attributes.into_iter();
                let items = attributes.map(|(name, value)| (name, Datum::Object(value)));
                self.named(&items.collect::<Vec<_>>(), inner, allowance + 1, level);
                self.put(")");
            }
            Form::DataClass => {
                let Some((_, kind)) = evaluator.object_type(datum)? else {
                    return Ok(());
                };
                let mut items = Vec::new();
                for field in evaluator.look.data_class_fields(&kind)? {
                    let value = evaluator.attribute(datum, &field)?;
                    items.push((field, value));
                }
                self.put(&format!("{name}("));
                self.named(&items, inner, allowance + 1, level);
                self.put(")");
            }
            Form::DefaultDict => {
                let factory = evaluator.attribute(datum, "default_factory")?;
                let (factory, _) = self.line(&factory, self.room);
                self.put(&format!("{name}({factory},"));
                self.new_line(inner);
                self.dict(datum, inner, allowance + 1, level)?;
                self.put(")");
            }
            Form::Counter => {
                // The most common first, those of the same count as they came.
                let mut items = self.sorted(evaluator.items(datum)?, |(_, count)| count)?;
                let mut stable = Vec::new();
                while let Some((_, last)) = items.last() {
                    let last = last.clone();
                    let mut start = items.len();
                    while start > 0 && evaluator.equal(&items[start - 1].1, &last)? {
                        start -= 1;
                    }
                    stable.extend(items.split_off(start.min(items.len() - 1)));
                }
                self.put(&format!("{name}({{"));
                self.items(&stable, inner, allowance + 2, level);
                self.put("})");
            }
            Form::OrderedDict => {
                let pairs = evaluator.items(datum)?.into_iter();
                let pairs = pairs.map(|(key, value)| Datum::tuple(vec![key, value]));
                let pairs = Datum::list(pairs.collect());
                self.put(&format!("{name}("));
                self.format(&pairs, inner, allowance + 1, level);
                self.put(")");
            }
            Form::Deque => {
                let longest = evaluator.attribute(datum, "maxlen")?;
                let members = evaluator.iterate(datum)?;
                self.put(&format!("{name}(["));
                if matches!(longest, Datum::None) {
                    self.members(&members, inner, allowance + 2, level);
                    self.put("])");
                } else {
                    self.members(&members, inner, 2, level);
                    self.put("],");
                    self.new_line(inner);
                    let (longest, _) = self.line(&longest, self.room);
                    self.put(&format!("maxlen={longest})"));
                }
            }
        }
        Ok(())
    }

    fn dict(
        &mut self,
        datum: &Datum,
        indent: usize,
        allowance: usize,
        level: usize,
    ) -> Result<(), EvalError> {
        let items = self.sorted_items(datum)?;
        self.put("{");
        self.items(&items, indent, allowance + 1, level);
        self.put("}");
        Ok(())
    }

    fn items(&mut self, items: &[(Datum, Datum)], indent: usize, allowance: usize, level: usize) {
        let indent = indent + 1;
        for (index, (key, value)) in items.iter().enumerate() {
            if self.cut {
                return;
            }
            let last = index + 1 == items.len();
            let (key, whole) = self.line(key, self.room);
            self.cut |= !whole;
            self.put(&key);
            self.put(": ");
            let at = indent + key.chars().count() + 2;
            self.format(value, at, if last { allowance } else { 1 }, level);
            if !last {
                self.put(",");
                self.new_line(indent);
            }
        }
    }

    fn members(&mut self, members: &[Datum], indent: usize, allowance: usize, level: usize) {
        let indent = indent + 1;
        for (index, member) in members.iter().enumerate() {
            if self.cut {
                return;
            }
            if index > 0 {
                self.put(",");
                self.new_line(indent);
            }
            let last = index + 1 == members.len();
            self.format(member, indent, if last { allowance } else { 1 }, level);
        }
    }

    /// `_format_namespace_items`.
    fn named(&mut self, items: &[(String, Datum)], indent: usize, allowance: usize, level: usize) {
        for (index, (name, value)) in items.iter().enumerate() {
            if self.cut {
                return;
            }
            let last = index + 1 == items.len();
            self.put(&format!("{name}="));
            let at = indent + name.chars().count() + 1;
            if value
                .address()
                .is_some_and(|value| self.open.contains(&value))
            {
                self.put("...");
            } else {
                self.format(value, at, if last { allowance } else { 1 }, level);
            }
            if !last {
                self.put(",");
                self.new_line(indent);
            }
        }
    }
}
