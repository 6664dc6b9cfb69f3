//! How the forms of `repr()` differ between versions, where the types themselves do not tell.

use crate::python::layout::Minor;

pub(super) struct Dialect {
    /// `OrderedDict({'a': 1})` and not `OrderedDict([('a', 1)])`.
    pub ordered_dict_has_braces: bool,
    /// `SimpleNamespace` sorts its names.
    pub namespace_is_sorted: bool,
    /// `<weakproxy at 0x1; to 'A' at 0x2>` and not `<weakproxy at 0x1 to A at 0x2>`.
    pub weakproxy_has_quotes: bool,
    /// `<slot wrapper '__init__'>`, without "of 'object' objects", for what `object` defines.
    pub descriptors_of_object_are_short: bool,
    /// `bytearray(b"it\'s")`: an apostrophe is escaped whatever the quotes are.
    pub bytearray_escapes_apostrophe: bool,
    /// A weak reference names the type with its module, unless that is `builtins` or `__main__`.
    pub weakref_has_module: bool,
    /// A weak reference shows the `__name__` of an instance, and not of its class only.
    pub weakref_asks_instances: bool,
    /// `ImportError('x', name='n', path='p')`.
    pub import_error_has_names: bool,
}

impl Dialect {
    pub fn of(version: Minor) -> Dialect {
        let since = |minor| version.0 >= minor;
        Dialect {
            ordered_dict_has_braces: since(12),
            namespace_is_sorted: !since(9),
            weakproxy_has_quotes: since(13),
            descriptors_of_object_are_short: since(15),
            bytearray_escapes_apostrophe: !since(15),
            weakref_has_module: since(13),
            weakref_asks_instances: !since(11),
            import_error_has_names: since(15),
        }
    }
}
