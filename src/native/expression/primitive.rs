//! The numbers that every program has, whether its debug information describes them or not.

/// A type of numbers, letters or truth values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primitive {
    pub name: &'static str,
    /// In bytes.
    pub size: u64,
    pub sort: Sort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Signed,
    Unsigned,
    Float,
    Truth,
    /// A character of Unicode (`char` of Rust).
    Letter,
    /// A byte that is shown as a letter (`unsigned char` of C).
    ByteLetter,
    /// The same, with a sign (`char` of C, which has one on x86-64).
    SignedByteLetter,
    Nothing,
}

const fn of(name: &'static str, size: u64, sort: Sort) -> Primitive {
    Primitive { name, size, sort }
}

/// What a number without a type is, in either language: wide enough for addresses.
pub const INTEGER: Primitive = of("i64", 8, Sort::Signed);
pub const WIDE: Primitive = of("i128", 16, Sort::Signed);
pub const ADDRESS: Primitive = of("u64", 8, Sort::Unsigned);
pub const TRUTH: Primitive = of("bool", 1, Sort::Truth);
pub const FLOAT: Primitive = of("f64", 8, Sort::Float);
pub const LETTER: Primitive = of("char", 4, Sort::Letter);
pub const BYTE: Primitive = of("u8", 1, Sort::Unsigned);
pub const NOTHING: Primitive = of("void", 0, Sort::Nothing);

/// With the names that they have in Rust and in C on x86-64 (System V ABI, figure 3.1).
const ALL: [Primitive; 41] = [
    of("i8", 1, Sort::Signed),
    of("i16", 2, Sort::Signed),
    of("i32", 4, Sort::Signed),
    INTEGER,
    WIDE,
    of("isize", 8, Sort::Signed),
    BYTE,
    of("u16", 2, Sort::Unsigned),
    of("u32", 4, Sort::Unsigned),
    ADDRESS,
    of("u128", 16, Sort::Unsigned),
    of("usize", 8, Sort::Unsigned),
    of("f32", 4, Sort::Float),
    FLOAT,
    TRUTH,
    of("char", 1, Sort::SignedByteLetter),
    of("signed char", 1, Sort::Signed),
    of("unsigned char", 1, Sort::ByteLetter),
    of("short", 2, Sort::Signed),
    of("unsigned short", 2, Sort::Unsigned),
    of("int", 4, Sort::Signed),
    of("signed", 4, Sort::Signed),
    of("unsigned", 4, Sort::Unsigned),
    of("unsigned int", 4, Sort::Unsigned),
    of("long", 8, Sort::Signed),
    of("long int", 8, Sort::Signed),
    of("unsigned long", 8, Sort::Unsigned),
    of("long long", 8, Sort::Signed),
    of("unsigned long long", 8, Sort::Unsigned),
    of("float", 4, Sort::Float),
    of("double", 8, Sort::Float),
    of("int8_t", 1, Sort::Signed),
    of("int16_t", 2, Sort::Signed),
    of("int32_t", 4, Sort::Signed),
    of("int64_t", 8, Sort::Signed),
    of("uint8_t", 1, Sort::Unsigned),
    of("uint16_t", 2, Sort::Unsigned),
    of("uint32_t", 4, Sort::Unsigned),
    of("uint64_t", 8, Sort::Unsigned),
    of("size_t", 8, Sort::Unsigned),
    NOTHING,
];

impl Primitive {
    pub fn named(name: &str) -> Option<Primitive> {
        ALL.into_iter().find(|it| it.name == name)
    }

    pub fn is_signed(self) -> bool {
        matches!(self.sort, Sort::Signed | Sort::SignedByteLetter)
    }

    /// A number as one of this type has it: cut to its bits.
    pub fn wrapped(self, value: i128) -> i128 {
        let bits = (self.size * 8).min(128) as u32;
        let unused = 128 - bits;
        match (bits, self.sort) {
            (0, _) => 0,
            (_, Sort::Truth) => i128::from(value != 0),
            (_, Sort::Signed | Sort::SignedByteLetter) => (value << unused) >> unused,
            // Above 2^127 it stays as it is.
            (128, _) => value,
            _ => ((value.cast_unsigned() << unused) >> unused).cast_signed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_to_their_types() {
        let wrapped = |name, value| Primitive::named(name).expect("known").wrapped(value);
        assert_eq!(wrapped("u8", 300), 44);
        assert_eq!(wrapped("i8", 200), -56);
        assert_eq!(wrapped("char", 200), -56);
        assert_eq!(wrapped("unsigned char", 200), 200);
        assert_eq!(wrapped("u64", -1), i128::from(u64::MAX));
        assert_eq!(wrapped("bool", 5), 1);
        assert_eq!(wrapped("i128", -3), -3);
    }
}
