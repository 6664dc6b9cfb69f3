//! Values as `pprint.pformat` lays them out.

use super::Datum;
use crate::python::{Limits, Look};

impl Look<'_> {
    /// What `pprint.pformat(…, width=width)` gives, within limits.
    pub fn pretty(&self, datum: &Datum, limits: &Limits, _width: usize) -> String {
        self.show(datum, limits).text
    }
}
