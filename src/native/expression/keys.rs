//! What maps have for a key.

use super::ExpressionError;
use super::datum::{Datum, Target};
use super::evaluate::{Evaluator, truth_of};
use super::syntax::{Binary, Expression};
use crate::native::types::Type;

/// Pointers that are followed to a map.
const MOST_POINTERS: usize = 8;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    /// What a map has for a key; nothing if it is no map.
    pub fn value_of_key(
        &self,
        of: &Datum<'s, 'a>,
        key: &Expression,
    ) -> Result<Option<Datum<'s, 'a>>, ExpressionError> {
        let mut at = of.clone();
        for _ in 0..MOST_POINTERS {
            if let Datum::Place(Target::Described(described), storage) = &at
                && let Some(kind) = Type::read(*described, self.writer.module)
            {
                let mut wanted = None;
                let mut failed = None;
                let found = self
                    .writer
                    .entry_that(&kind, storage, &mut |kind, storage| {
                        let place = Datum::Place(Target::Described(kind), storage.clone());
                        self.is_key(&place, key, &mut wanted)
                            .unwrap_or_else(|error| {
                                failed = Some(error);
                                true
                            })
                    });
                match (found, failed) {
                    (_, Some(error)) => return Err(error),
                    (Some(Ok(Some((kind, storage)))), None) => {
                        return Ok(Some(Datum::Place(Target::Described(kind), storage)));
                    }
                    (Some(Ok(None)), None) => {
                        let kind = self.type_name(&at);
                        return Err(ExpressionError::NoSuchKey { kind });
                    }
                    (Some(Err(absence)), None) => return Err(absence.into()),
                    (None, None) => {}
                }
            }
            match self.pointee(&at) {
                Some(Ok(inner)) => at = inner,
                _ => break,
            }
        }
        Ok(None)
    }

    /// Whether a key of a map is what an expression gives, which is evaluated once.
    fn is_key(
        &self,
        place: &Datum<'s, 'a>,
        key: &Expression,
        wanted: &mut Option<Datum<'s, 'a>>,
    ) -> Result<bool, ExpressionError> {
        if wanted.is_none() {
            *wanted = Some(self.load(&self.evaluate(key)?)?);
        }
        let Some(wanted) = wanted else {
            return Ok(false);
        };
        let same = self.combined(Binary::Equal, &self.load(place)?, wanted)?;
        Ok(truth_of(&same) == Some(true))
    }
}
