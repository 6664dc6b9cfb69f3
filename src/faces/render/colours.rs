//! Numbers as colours, for terminals that have many, few or none, and for files.

/// From dark to light, about equally far apart to the eye, also without colours.
const GRADIENT: [(u8, u8, u8); 9] = [
    (13, 8, 60),
    (58, 20, 110),
    (98, 32, 122),
    (142, 44, 118),
    (186, 60, 100),
    (222, 88, 72),
    (244, 130, 44),
    (250, 182, 48),
    (250, 246, 170),
];
/// Of a NaN: on no gradient.
const NAN: (u8, u8, u8) = (0, 220, 220);
/// Of what has no finite number.
const NOTHING: (u8, u8, u8) = (90, 90, 90);

/// From little to much.
const LETTERS: &[u8] = b" .:-=+*#%@";

/// What is drawn in one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shade {
    /// From 0 to 1.
    Level(f64),
    Nan,
    Nothing,
}

impl Shade {
    pub fn rgb(self) -> (u8, u8, u8) {
        let level = match self {
            Shade::Nan => return NAN,
            Shade::Nothing => return NOTHING,
            Shade::Level(level) => level.clamp(0.0, 1.0) * (GRADIENT.len() - 1) as f64,
        };
        let below = (level as usize).min(GRADIENT.len() - 2);
        let part = level - below as f64;
        let (Some(&from), Some(&to)) = (GRADIENT.get(below), GRADIENT.get(below + 1)) else {
            return NOTHING;
        };
        let mixed =
            |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
        (
            mixed(from.0, to.0),
            mixed(from.1, to.1),
            mixed(from.2, to.2),
        )
    }

    /// In the cube of six levels that terminals of 256 colours have.
    pub fn of_256(self) -> u8 {
        let (red, green, blue) = self.rgb();
        let level = |part: u8| (u16::from(part) * 5 + 127) / 255;
        (16 + 36 * level(red) + 6 * level(green) + level(blue)) as u8
    }

    pub fn letter(self) -> char {
        match self {
            Shade::Nan => '?',
            Shade::Nothing => '!',
            Shade::Level(level) => {
                let place = (level.clamp(0.0, 1.0) * LETTERS.len() as f64) as usize;
                LETTERS
                    .get(place.min(LETTERS.len() - 1))
                    .map_or(' ', |&letter| char::from(letter))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_go_from_dark_to_light() {
        let shades = [0.0, 0.5, 1.0].map(Shade::Level);
        assert_eq!(shades.map(Shade::letter), [' ', '+', '@']);
        let sum = |shade: Shade| {
            let (red, green, blue) = shade.rgb();
            u32::from(red) + u32::from(green) + u32::from(blue)
        };
        assert!(sum(shades[0]) < sum(shades[1]) && sum(shades[1]) < sum(shades[2]));
        assert_eq!(Shade::Level(f64::MAX).rgb(), GRADIENT[8]);
        assert_eq!(Shade::Nan.letter(), '?');
        assert!((16..=231).contains(&Shade::Nan.of_256()));
    }
}
