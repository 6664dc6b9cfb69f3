//! numpy: arrays, scalars, dtypes (`crate::python::numpy`).

use super::dispatch::{Known, native, python};
use super::{Writer, instances};
use crate::model::{Addr, LengthUnit, Value};
use crate::python::numpy::{ArrayView, NumpyScalar, WriteObject, is_scalar};
use crate::python::object::TypeInfo;
use crate::python::{Limits, Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("numpy.ndarray", array),
    native("numpy.dtype", dtype),
    native("numpy.generic", scalar),
    native("numpy.bool_", scalar),
    native("numpy.bool", scalar),
    native("numpy.number", scalar),
    native("numpy.int8", scalar),
    native("numpy.int16", scalar),
    native("numpy.int32", scalar),
    native("numpy.intc", scalar),
    native("numpy.int64", scalar),
    native("numpy.longlong", scalar),
    native("numpy.uint8", scalar),
    native("numpy.uint16", scalar),
    native("numpy.uint32", scalar),
    native("numpy.uintc", scalar),
    native("numpy.uint64", scalar),
    native("numpy.ulonglong", scalar),
    native("numpy.float16", scalar),
    native("numpy.float32", scalar),
    native("numpy.float64", scalar),
    native("numpy.float128", scalar),
    native("numpy.longdouble", scalar),
    native("numpy.complex64", scalar),
    native("numpy.complex128", scalar),
    native("numpy.complex256", scalar),
    native("numpy.clongdouble", scalar),
    native("numpy.str_", scalar),
    native("numpy.bytes_", scalar),
    native("numpy.datetime64", scalar),
    native("numpy.timedelta64", scalar),
    native("numpy.void", scalar),
    python("numpy.record.__repr__", scalar),
    python("numpy.rec.record.__repr__", scalar),
    python("numpy.ma.core.MaskedArray.__repr__", masked),
    python("numpy.ma.MaskedArray.__repr__", masked),
];

impl WriteObject for Writer<'_, '_> {
    fn object(&mut self, object: Addr) -> String {
        self.captured(object)
    }
}

impl Look<'_> {
    /// A part of an array, as an array is shown.
    pub(in crate::python) fn view_value(&self, view: &ArrayView, limits: &Limits) -> Value {
        let (name, type_name) = match self.type_at(view.class()) {
            Ok(kind) => (plain_name(&kind).to_string(), kind.shown_name()),
            // A segment in a process without numpy.
            Err(_) if view.class().is_null() => ("array".to_string(), "numpy.ndarray".to_string()),
            Err(error) => return Value::absent(error.absence()),
        };
        let mut writer = Writer::new(self, limits);
        describe(&mut writer, view);
        match self.view_text(view, &name, &mut writer) {
            Ok(written) => {
                writer.put(&written.text);
                if let Some(absence) = written.absence {
                    writer.misses(absence);
                }
            }
            Err(error) => writer.put(&error.absence().to_string()),
        }
        Value {
            type_name,
            ..writer.finish()
        }
    }

    /// A scalar that pmdb took from an array, or computed.
    pub(in crate::python) fn scalar_value(&self, scalar: &NumpyScalar, limits: &Limits) -> Value {
        let mut writer = Writer::new(self, limits);
        match self.scalar_value_text(scalar, &mut writer) {
            Ok(text) => writer.put(&text),
            Err(error) => writer.put(&error.absence().to_string()),
        }
        let kind = self.type_at(scalar.class());
        Value {
            type_name: kind.map_or_else(|_| "numpy.generic".to_string(), |kind| kind.shown_name()),
            ..writer.finish()
        }
    }
}

/// `type(array).__name__`, and `array` for numpy's own.
fn plain_name(kind: &TypeInfo) -> &str {
    match (kind.module.as_str(), kind.name.as_str()) {
        ("numpy", "ndarray") => "array",
        (_, name) => name.rsplit('.').next().unwrap_or(name),
    }
}

/// How many elements there are, and where they lie.
fn describe(writer: &mut Writer<'_, '_>, view: &ArrayView) {
    writer.count(view.size(), LengthUnit::Items);
    if let Some(segment) = writer.look.segment_of(view.data()) {
        writer.lies_in(segment);
    }
}

fn array(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let name = plain_name(kind);
    let look = writer.look;
    if let Some(view) = look.array_view(object)? {
        describe(writer, &view);
    }
    // Only an array of objects can hold itself.
    let cycle = format!("{name}(..., dtype=object)");
    writer.nested(object, &cycle, &format!("{name}([…])"), |writer| {
        let written = writer.aside(|writer| look.array_text(object, name, writer))?;
        writer.put(&written.text);
        if let Some(absence) = written.absence {
            writer.misses(absence);
        }
        Ok(())
    })
}

fn scalar(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    if !is_scalar(kind) {
        return instances::instance(writer, object, kind);
    }
    let look = writer.look;
    let text = writer.aside(|writer| look.scalar_text(object, &kind.name, writer))?;
    writer.put(&text);
    Ok(())
}

fn dtype(writer: &mut Writer<'_, '_>, object: Addr, _: &TypeInfo) -> Result<(), LookError> {
    let text = writer.look.dtype_object_text(object)?;
    writer.put(&text);
    Ok(())
}

/// An array with a mask has a text of several columns; the data and the attributes tell as much.
fn masked(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let bare = format!("<{} object at {object}>", kind.full_name());
    writer.put(&format!("<{} object at {object}: data=", kind.full_name()));
    let look = writer.look;
    writer.nested(object, &bare, &bare, |writer| {
        let written = writer.aside(|writer| look.array_text(object, "array", writer))?;
        writer.put(&written.text);
        let attributes = look.instance_attributes(object, writer.wanted())?;
        let mask = attributes.into_iter().filter(|(name, _)| name == "_mask");
        for (_, mask) in mask {
            writer.put(", mask=");
            writer.object(mask);
        }
        writer.put(">");
        Ok(())
    })
}
