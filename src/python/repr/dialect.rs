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
    /// The bit of a `FileIO`'s flags that says whether closing it closes the descriptor: behind two or three bits for
    /// "seekable".
    pub file_closes_bit: u32,
    /// `*Ts` and not `typing.Unpack[Ts]`.
    pub unpacked_has_star: bool,
    /// `~Ts`, as type variables are written.
    pub type_tuples_have_variance: bool,
    /// A list of types inside of another type is written in brackets, as it was given.
    pub type_lists_have_brackets: bool,
    /// A function among types is named with its module.
    pub type_functions_have_module: bool,
    /// `ForwardRef('x', module='m')`.
    pub reference_has_module: bool,
    /// `ForwardRef('x', is_class=True, owner=<class 'C'>)`.
    pub reference_has_owner: bool,
    /// `argparse.Namespace` sorts its names.
    pub arguments_are_sorted: bool,
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
            file_closes_bit: if since(15) { 7 } else { 6 },
            unpacked_has_star: !since(12),
            type_tuples_have_variance: since(15),
            type_lists_have_brackets: since(12),
            type_functions_have_module: since(14),
            reference_has_module: since(11),
            reference_has_owner: since(14),
            arguments_are_sorted: !since(9),
            import_error_has_names: since(15),
        }
    }
}
