//! What differs between releases of numpy in what it prints.

/// `major.minor` of numpy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32);

impl Release {
    /// What stands for a version that cannot be read (its module is not in a core): the newest of its major version.
    pub fn of_major(major: u32) -> Release {
        Release(major, u32::MAX)
    }

    /// From `__version__`.
    pub fn parse(version: &str) -> Option<Release> {
        let mut parts = version.split('.');
        let mut number = || parts.next()?.parse().ok();
        Some(Release(number()?, number()?))
    }

    /// Scalars say their type: `np.float64(3.0)`. Comparisons with a Python float happen in the array's own type
    /// (NEP 50). A subarray in a record is summarised too.
    pub fn is_second(self) -> bool {
        self >= Release(2, 0)
    }

    /// More digits than tell a number apart are its own, not zeros (`min_digits`).
    pub fn has_digits_beyond(self) -> bool {
        self >= Release(1, 21)
    }

    /// A record's dtype, written as a dict, has a space behind each colon and comma.
    pub fn spaces_dicts(self) -> bool {
        self >= Release(1, 22)
    }

    /// A foreign byte order is said behind an array.
    pub fn says_byte_order(self) -> bool {
        self >= Release(1, 25)
    }

    /// Reductions go through all elements that follow each other in memory at once, not through 8,192 of them, and
    /// buffers hold whole rows (the iterator's buffers are set up when it is made).
    pub fn reduces_whole(self) -> bool {
        self >= Release(2, 3)
    }

    /// A summarised array says its shape.
    pub fn says_shape(self) -> bool {
        self >= Release(2, 2)
    }

    /// From which power of ten on a number has an exponent depends on its type's precision.
    pub fn exponent_by_type(self) -> bool {
        self >= Release(2, 3)
    }

    /// `datetime64('NaT')` says its unit.
    pub fn nat_has_unit(self) -> bool {
        self >= Release(2, 4)
    }
}
