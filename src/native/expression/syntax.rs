//! An expression as a tree.

#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Integer(u128, Option<String>),
    Float(f64),
    Character(u32),
    Text(Vec<u8>),
    Truth(bool),
    Register(String),
    /// `a`, `a::b::C`
    Path(Vec<String>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    Field(Box<Expression>, String),
    Index(Box<Expression>, Box<Expression>),
    /// `a[2..5]`; without an end that of the whole.
    Slice {
        of: Box<Expression>,
        from: Option<Box<Expression>>,
        to: Option<Box<Expression>>,
        /// `..=`
        closed: bool,
    },
    /// `p@10`: so many from there on.
    Repeat(Box<Expression>, Box<Expression>),
    Cast(Box<Expression>, TypeName),
    Method(Box<Expression>, String),
    SizeOfType(TypeName),
    SizeOf(Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    Negate,
    /// `!` of Rust, which turns the bits of a number round, and of C, which does not: by the operand and the language.
    Not,
    /// `~`
    Complement,
    Dereference,
    AddressOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    BitOr,
    BitXor,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A type as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeName {
    /// With its path and parameters: `alloc::vec::Vec<u8>`, `unsigned long`.
    Named(String),
    Pointer(Box<TypeName>),
    Array(Box<TypeName>, u64),
}
