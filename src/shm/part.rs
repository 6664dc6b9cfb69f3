//! `psm_1[100:200]`: a segment and which of its elements are meant.

use super::element::ElementType;

/// Elements of a segment; all, without an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As [`Census::reach`](super::Census::reach) takes it.
    pub segment: String,
    pub indices: Option<(Option<u64>, Option<u64>)>,
}

impl Part {
    /// `NAME`, `NAME[5]`, `NAME[5:9]`, `NAME[:9]`, `NAME[5:]`.
    pub fn new(text: &str) -> Result<Part, String> {
        let Some((name, inside)) = text
            .strip_suffix(']')
            .and_then(|text| text.rsplit_once('['))
        else {
            return Ok(Part {
                segment: text.to_string(),
                indices: None,
            });
        };
        let number = |text: &str| -> Result<Option<u64>, String> {
            match text.trim() {
                "" => Ok(None),
                digits => digits
                    .parse()
                    .map(Some)
                    .map_err(|_| format!("{digits} is no index: a number from 0 on")),
            }
        };
        let indices = match inside.split_once(':') {
            Some((first, end)) => (number(first)?, number(end)?),
            None => {
                let index = number(inside)?.ok_or_else(|| format!("{text} has no index"))?;
                (Some(index), index.checked_add(1))
            }
        };
        Ok(Part {
            segment: name.to_string(),
            indices: Some(indices),
        })
    }

    /// From which element to behind which, in a segment of so many bytes.
    pub fn elements(&self, element: ElementType, size: u64) -> Result<(u64, u64), String> {
        let count = size / element.size();
        let (first, end) = self.indices.unwrap_or_default();
        let (first, end) = (first.unwrap_or(0), end.unwrap_or(count));
        if first >= end || end > count {
            return Err(format!(
                "it has {count} elements of type {}, and {first} to {end} is not among them",
                element.name()
            ));
        }
        Ok((first, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_those_of_python() {
        let of = |text: &str| Part::new(text).map(|part| part.indices);
        assert_eq!(of("psm_1"), Ok(None));
        assert_eq!(of("psm_1[7]"), Ok(Some((Some(7), Some(8)))));
        assert_eq!(of("psm_1[7:9]"), Ok(Some((Some(7), Some(9)))));
        assert_eq!(of("psm_1[:]"), Ok(Some((None, None))));
        assert!(of("psm_1[]").is_err() && of("psm_1[x]").is_err() && of("psm_1[-1]").is_err());
        let part = Part::new("psm_1[2:4]").unwrap();
        assert_eq!(part.elements(ElementType::Float64, 100), Ok((2, 4)));
        assert!(part.elements(ElementType::Float64, 31).is_err());
    }
}
