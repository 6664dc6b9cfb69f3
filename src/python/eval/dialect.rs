//! How versions of Python differ in what builtin functions and `pprint` make of the same values.

use crate::python::layout::Minor;

pub(super) struct Dialect {
    /// `sum()` adds floats with compensation.
    pub sum_compensates: bool,
    /// Ints among them too.
    pub sum_compensates_ints: bool,
    /// `pprint` lays `types.SimpleNamespace` out.
    pub lays_out_namespaces: bool,
    /// `pprint` lays dataclasses out.
    pub lays_out_data_classes: bool,
}

impl Dialect {
    pub(super) fn of(version: Minor) -> Dialect {
        let since = |minor| version.0 >= minor;
        Dialect {
            sum_compensates: since(12),
            sum_compensates_ints: since(14),
            lays_out_namespaces: since(9),
            lays_out_data_classes: since(10),
        }
    }
}
