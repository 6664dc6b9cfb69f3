//! Going over the tree.

use super::datum::{Datum, Row, Target};
use super::primitive::{self, Primitive, Sort};
use super::syntax::{Binary, Expression, Unary};
use super::{Around, ExpressionError};
use crate::model::{Absence, Addr};
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};
use crate::native::values::{Locator, Storage, Writer};

pub type Evaluated<'s, 'a> = Result<Datum<'s, 'a>, ExpressionError>;

/// Pointers that are followed for a field or an index.
const MOST_POINTERS: usize = 8;
/// Elements that `@` gives.
const MOST_REPEATED: i128 = 1 << 32;

pub struct Evaluator<'e, 's, 'a> {
    pub writer: Writer<'e, 's, 'a>,
    pub around: &'e Around<'e>,
    /// The function, or the call that was inlined, whose variables are seen.
    pub scope: Option<EntryRef<'s, 'a>>,
    pub locator: Option<Locator<'e, 's, 'a>>,
}

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn evaluate(&self, expression: &Expression) -> Evaluated<'s, 'a> {
        use Expression as E;
        match expression {
            E::Integer(value, kind) => {
                let value = i128::try_from(*value).map_err(|_| ExpressionError::Overflow)?;
                let kind = kind.as_deref().and_then(Primitive::named);
                Ok(Datum::Integer(
                    kind.map_or(value, |kind| kind.wrapped(value)),
                    kind,
                ))
            }
            E::Float(value) => Ok(Datum::Float(*value, primitive::FLOAT)),
            E::Character(value) => Ok(Datum::Integer(
                (*value).into(),
                Some(if self.is_rust() {
                    primitive::LETTER
                } else {
                    Primitive {
                        name: "char",
                        size: 1,
                        sort: Sort::SignedByteLetter,
                    }
                }),
            )),
            E::Text(bytes) => Ok(Datum::Text(bytes.clone())),
            E::Truth(value) => Ok(truth(*value)),
            E::Register(name) => self.register(name),
            E::Path(names) => self.named(names),
            E::Unary(operator, inner) => self.unary(*operator, inner),
            E::Binary(operator, left, right) => self.binary(*operator, left, right),
            E::Field(of, name) => self.field(&self.evaluate(of)?, name),
            E::Index(of, index) => {
                let of = self.evaluate(of)?;
                match self.value_of_key(&of, index)? {
                    Some(value) => Ok(value),
                    None => self.element(&of, self.index_number(index)?),
                }
            }
            E::Slice {
                of,
                from,
                to,
                closed,
            } => {
                let number = |side: &Option<Box<Expression>>| {
                    side.as_ref()
                        .map(|side| self.index_number(side))
                        .transpose()
                };
                let (from, to) = (number(from)?.unwrap_or(0), number(to)?);
                let to = to.map(|to| to.saturating_add(i128::from(*closed)));
                self.slice(&self.evaluate(of)?, from, to)
            }
            E::Repeat(of, count) => {
                let count = self.index_number(count)?;
                let first = self.evaluate(of)?;
                // What was dereferenced or indexed is meant itself: `*argv@argc`, `a[2]@3`.
                let is_meant = matches!(**of, E::Index(..) | E::Unary(Unary::Dereference, _));
                match self.plain_pointer(&first)?.filter(|_| !is_meant) {
                    Some((to, at)) => self.repeat(&Datum::Place(to, Storage::Memory(at)), count),
                    None => self.repeat(&first, count),
                }
            }
            E::Cast(of, name) => {
                let kind = self.resolve(name)?;
                self.cast(&self.evaluate(of)?, kind)
            }
            E::Method(of, name) => self.method(&self.evaluate(of)?, name),
            E::SizeOfType(name) => {
                let kind = self.resolve(name)?;
                self.size_as_number(&kind)
            }
            E::SizeOf(of) => {
                let kind = match (self.evaluate(of), &**of) {
                    (Ok(datum), _) => self.target_of(&datum),
                    // What is no variable may be a type, as a `typedef` whose name does not say so.
                    (Err(error @ ExpressionError::NoSuchName { .. }), E::Path(names)) => {
                        let named = super::TypeName::Named(names.join("::"));
                        self.resolve(&named).map_err(|_| error)?
                    }
                    (Err(error), _) => return Err(error),
                };
                self.size_as_number(&kind)
            }
        }
    }

    pub fn is_rust(&self) -> bool {
        self.scope.is_some_and(crate::native::values::is_rust)
    }

    fn size_as_number(&self, kind: &Target<'s, 'a>) -> Evaluated<'s, 'a> {
        let size = self.size(kind).ok_or(ExpressionError::Unsuitable {
            what: "something with a size is needed",
            kind: self.name_of(kind),
        })?;
        Ok(Datum::Integer(size.into(), Some(primitive::ADDRESS)))
    }

    pub fn index_number(&self, index: &Expression) -> Result<i128, ExpressionError> {
        let datum = self.evaluate(index)?;
        match self.load(&datum)? {
            Datum::Integer(value, _) => Ok(value),
            other => Err(self.unsuitable("a whole number is needed here", &other)),
        }
    }

    pub fn unsuitable(&self, what: &'static str, datum: &Datum<'s, 'a>) -> ExpressionError {
        ExpressionError::Unsuitable {
            what,
            kind: self.type_name(datum),
        }
    }

    fn unary(&self, operator: Unary, inner: &Expression) -> Evaluated<'s, 'a> {
        let datum = self.evaluate(inner)?;
        match operator {
            Unary::Dereference => self.dereference(&datum),
            Unary::AddressOf => self.address_of(&datum),
            Unary::Negate | Unary::Not | Unary::Complement => {
                let loaded = self.load(&datum)?;
                self.computed_from(operator, &loaded)
            }
        }
    }

    fn binary(&self, operator: Binary, left: &Expression, right: &Expression) -> Evaluated<'s, 'a> {
        let first = self.evaluate(left);
        // `color == Red`: an enumerator is known by the type that it is compared with.
        if matches!(operator, Binary::Equal | Binary::NotEqual) {
            match (&first, right) {
                (Ok(of), Expression::Path(names)) => {
                    if let Some(value) = self.enumerator(of, names) {
                        return self.combined(operator, &self.load(of)?, &value);
                    }
                }
                (Err(ExpressionError::NoSuchName { .. }), _) => {
                    if let Expression::Path(names) = left
                        && let Ok(of) = self.evaluate(right)
                        && let Some(value) = self.enumerator(&of, names)
                    {
                        return self.combined(operator, &value, &self.load(&of)?);
                    }
                }
                _ => {}
            }
        }
        let first = self.load(&first?)?;
        if matches!(operator, Binary::And | Binary::Or)
            && let Some(holds) = truth_of(&first)
            && holds == (operator == Binary::Or)
        {
            return Ok(truth(holds));
        }
        let second = self.load(&self.evaluate(right)?)?;
        self.combined(operator, &first, &second)
    }

    fn enumerator(&self, of: &Datum<'s, 'a>, names: &[String]) -> Option<Datum<'s, 'a>> {
        let Datum::Place(Target::Described(at), _) = of else {
            return None;
        };
        let kind = Type::read(*at, self.writer.module)?;
        let Shape::Enumeration(enumerators) = &kind.shape else {
            return None;
        };
        let wanted = names.last()?;
        let (value, _) = enumerators.iter().find(|(_, name)| name == wanted)?;
        Some(Datum::Integer(*value, None))
    }

    /// What a pointer, reference or owner points to.
    pub fn dereference(&self, datum: &Datum<'s, 'a>) -> Evaluated<'s, 'a> {
        if let Some(inner) = self.pointee(datum) {
            return inner;
        }
        match datum {
            // A whole number as an address, as gdb has it.
            Datum::Integer(value, None) => Ok(Datum::Place(
                Target::Primitive(primitive::INTEGER),
                Storage::Memory(Addr(*value as u64)),
            )),
            other => Err(self.unsuitable("only a pointer can be followed", other)),
        }
    }

    /// The same; nothing if it is none of these.
    pub fn pointee(&self, datum: &Datum<'s, 'a>) -> Option<Evaluated<'s, 'a>> {
        let place = |to: &Target<'s, 'a>, at: Addr| {
            if matches!(to, Target::Primitive(it) if it.sort == Sort::Nothing) {
                return Err(ExpressionError::Unsuitable {
                    what: "it has to point to something whose type is known (cast it: `p as *const T`, `(T *)p`)",
                    kind: "void *".to_owned(),
                });
            }
            Ok(Datum::Place(to.clone(), Storage::Memory(at)))
        };
        match datum {
            Datum::Address(to, at) => Some(place(to, *at)),
            Datum::Row(row) => Some(match row.count() {
                0 => Err(ExpressionError::OutOfRange { index: 0, count: 0 }),
                _ => Ok(row.at(0)),
            }),
            Datum::Place(Target::Pointer(to), storage) => {
                let at = storage.pointer(self.writer.memory);
                Some(
                    at.map_err(ExpressionError::from)
                        .and_then(|at| place(to, at)),
                )
            }
            Datum::Place(Target::Array(element, _), storage) => {
                Some(Ok(Datum::Place((**element).clone(), storage.clone())))
            }
            Datum::Place(Target::Described(at), storage) => {
                let kind = Type::read(*at, self.writer.module)?;
                if let Shape::Pointer { to, .. } = kind.shape {
                    let to = to.map_or(Target::Primitive(primitive::NOTHING), Target::Described);
                    let at = storage.pointer(self.writer.memory);
                    return Some(
                        at.map_err(ExpressionError::from)
                            .and_then(|at| place(&to, at)),
                    );
                }
                if let Some(found) = self.writer.pointee(&kind, storage) {
                    return Some(match found {
                        Ok((at, storage)) => Ok(Datum::Place(Target::Described(at), storage)),
                        Err(absence) => Err(absence.into()),
                    });
                }
                // `*vector` is a slice in Rust, and an array its first element in C.
                let elements = self.writer.elements(&kind, storage)?;
                Some(match elements {
                    Ok(elements) if matches!(kind.shape, Shape::Array { .. }) => {
                        Ok(Row::Described(elements).at(0))
                    }
                    Ok(elements) => Ok(Datum::Row(Row::Described(elements))),
                    Err(absence) => Err(absence.into()),
                })
            }
            _ => None,
        }
    }

    pub fn address_of(&self, datum: &Datum<'s, 'a>) -> Evaluated<'s, 'a> {
        match datum {
            Datum::Place(kind, storage) => match storage.address() {
                Some(at) => Ok(Datum::Address(kind.clone(), at)),
                None => Err(ExpressionError::Unsuitable {
                    what: "it is in registers and has no address",
                    kind: self.name_of(kind),
                }),
            },
            Datum::Symbol { address, .. } => Ok(Datum::Address(
                Target::Primitive(primitive::NOTHING),
                *address,
            )),
            Datum::Row(row) if row.count() > 0 => self.address_of(&row.at(0)),
            other => Err(self.unsuitable("it was computed and has no address", other)),
        }
    }

    /// What an expression means where an address is wanted: a pointer or number itself, else where it is.
    pub fn address_meant(&self, datum: &Datum<'s, 'a>) -> Result<Addr, ExpressionError> {
        if let Datum::Symbol { address, .. } = datum {
            return Ok(*address);
        }
        match self.load(datum) {
            Ok(Datum::Integer(value, _)) => Ok(Addr(value as u64)),
            Ok(Datum::Address(_, at)) => Ok(at),
            Ok(Datum::Symbol { address, .. }) => Ok(address),
            _ => match self.address_of(datum)? {
                Datum::Address(_, at) => Ok(at),
                other => Err(self.unsuitable("an address is needed here", &other)),
            },
        }
    }

    /// The elements of something; nothing if it has none.
    pub fn row(&self, datum: &Datum<'s, 'a>) -> Option<Result<Row<'s, 'a>, ExpressionError>> {
        match datum {
            Datum::Row(row) => Some(Ok(row.clone())),
            Datum::Place(Target::Array(element, count), storage) => {
                let first = storage.address()?;
                Some(Ok(Row::Other {
                    element: (**element).clone(),
                    size: self.size(element)?,
                    first,
                    count: *count,
                }))
            }
            Datum::Place(Target::Described(at), storage) => {
                let kind = Type::read(*at, self.writer.module)?;
                let elements = self.writer.elements(&kind, storage)?;
                Some(elements.map(Row::Described).map_err(ExpressionError::from))
            }
            _ => None,
        }
    }

    fn element(&self, of: &Datum<'s, 'a>, index: i128) -> Evaluated<'s, 'a> {
        let mut at = of.clone();
        for _ in 0..MOST_POINTERS {
            if let Some(row) = self.row(&at) {
                let row = row?;
                let within = u64::try_from(index)
                    .ok()
                    .filter(|index| *index < row.count());
                return within
                    .map(|index| row.at(index))
                    .ok_or(ExpressionError::OutOfRange {
                        index,
                        count: row.count(),
                    });
            }
            if let Some((to, address)) = self.plain_pointer(&at)? {
                // A pointer of Rust to a container stands for it; one of C is an array.
                let inner = Datum::Place(to.clone(), Storage::Memory(address));
                if self.row(&inner).is_none() || !self.is_rust() {
                    return self.behind(&to, address, index);
                }
            }
            match self.pointee(&at) {
                Some(inner) => at = inner?,
                None => break,
            }
        }
        Err(self.unsuitable(
            "only an array, a slice, a vector or a pointer has an index",
            of,
        ))
    }

    /// What a pointer points to, and its value; not for references and owners.
    fn plain_pointer(
        &self,
        datum: &Datum<'s, 'a>,
    ) -> Result<Option<(Target<'s, 'a>, Addr)>, ExpressionError> {
        Ok(match self.load_pointer(datum)? {
            Some(Datum::Address(to, at)) => Some((to, at)),
            _ => None,
        })
    }

    fn behind(&self, to: &Target<'s, 'a>, at: Addr, index: i128) -> Evaluated<'s, 'a> {
        let size = self.size(to).ok_or_else(|| ExpressionError::Unsuitable {
            what: "the size of what it points to has to be known",
            kind: self.name_of(to),
        })?;
        let bytes = index.wrapping_mul(size.into()) as u64;
        Ok(Datum::Place(to.clone(), Storage::Memory(at.plus(bytes))))
    }

    fn slice(&self, of: &Datum<'s, 'a>, from: i128, to: Option<i128>) -> Evaluated<'s, 'a> {
        let mut at = of.clone();
        for _ in 0..MOST_POINTERS {
            if let Some(row) = self.row(&at) {
                let row = row?;
                let end = to.unwrap_or_else(|| row.count().into());
                let count = row.count();
                let is_within = 0 <= from && from <= end && end <= i128::from(count);
                if !is_within {
                    let index = if (0..=i128::from(count)).contains(&from) {
                        end
                    } else {
                        from
                    };
                    return Err(ExpressionError::OutOfRange { index, count });
                }
                return Ok(Datum::Row(row.part(from as u64, (end - from) as u64)));
            }
            if let (Some((kind, address)), Some(to)) = (self.plain_pointer(&at)?, to) {
                let inner = Datum::Place(kind.clone(), Storage::Memory(address));
                if self.row(&inner).is_none() || !self.is_rust() {
                    let first = self.behind(&kind, address, from)?;
                    return self.repeat(&first, to.saturating_sub(from));
                }
            }
            match self.pointee(&at) {
                Some(inner) => at = inner?,
                None => break,
            }
        }
        Err(self.unsuitable(
            "only an array, a slice, a vector or a pointer has parts",
            of,
        ))
    }

    /// `first@count`. A pointer that is a variable stands for what it points to (`p@10`), since nobody wants what lies behind the variable.
    fn repeat(&self, first: &Datum<'s, 'a>, count: i128) -> Evaluated<'s, 'a> {
        if !(0..=MOST_REPEATED).contains(&count) {
            return Err(ExpressionError::OutOfRange {
                index: count,
                count: MOST_REPEATED as u64,
            });
        }
        let count = count as u64;
        let Datum::Place(element, storage) = first else {
            return Err(self.unsuitable("something in memory is needed before '@'", first));
        };
        let size = self
            .size(element)
            .ok_or_else(|| ExpressionError::Unsuitable {
                what: "the size of what it points to has to be known",
                kind: self.name_of(element),
            })?;
        let at = storage
            .address()
            .ok_or(ExpressionError::Absent(Absence::Unsupported {
                what: "it is in registers, with nothing behind it".into(),
            }))?;
        Ok(Datum::Row(match element {
            Target::Described(kind) => Row::Described(crate::native::values::Elements {
                element: *kind,
                size,
                first: Storage::Memory(at),
                count,
                ring: None,
                is_text: false,
            }),
            other => Row::Other {
                element: other.clone(),
                size,
                first: at,
                count,
            },
        }))
    }

    /// Follows pointers until `look` finds something.
    pub fn through_pointers<T>(
        &self,
        datum: &Datum<'s, 'a>,
        look: impl Fn(&Datum<'s, 'a>) -> Option<T>,
    ) -> Result<Option<T>, ExpressionError> {
        let mut at = datum.clone();
        for _ in 0..MOST_POINTERS {
            if let Some(found) = look(&at) {
                return Ok(Some(found));
            }
            let is_row = matches!(&at, Datum::Row(_)) || self.row(&at).is_some();
            match self.pointee(&at).filter(|_| !is_row) {
                Some(inner) => at = inner?,
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

pub fn truth<'s, 'a>(value: bool) -> Datum<'s, 'a> {
    Datum::Integer(value.into(), Some(primitive::TRUTH))
}

/// Whether a number or a pointer is not 0, where it decides `&&` and `||` alone.
pub fn truth_of(datum: &Datum<'_, '_>) -> Option<bool> {
    match datum {
        Datum::Integer(value, _) => Some(*value != 0),
        Datum::Address(_, at) => Some(at.0 != 0),
        _ => None,
    }
}
