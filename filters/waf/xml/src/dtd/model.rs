//! Content models of elements: XML 1.0 (Fifth Edition), section 3.2.1, as automata after Glushkov, whose states are the names in the
//! model. They run in time linear in the children times the names.

/// A content model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    /// For each place of the model the element that stands there, what may follow it, and whether it may be the last.
    places: Vec<Place>,
    first: Vec<u16>,
    /// No child at all is allowed.
    is_nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    follow: Vec<u16>,
    is_last: bool,
}

/// A part of a model while it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Particle {
    Name(String),
    /// `(a, b)`
    Sequence(Vec<Particle>),
    /// `(a | b)`
    Choice(Vec<Particle>),
    /// `a?`
    Optional(Box<Particle>),
    /// `a*`, `a+`: the latter at least once.
    Repeated(Box<Particle>, bool),
}

/// How far an element's children have come. Empty before the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching {
    at: Vec<u16>,
    has_children: bool,
}

/// The most names in one model.
const MAX_PLACES: usize = 2048;

impl Model {
    /// `None` where the model has more names than are allowed.
    pub(super) fn new(particle: &Particle) -> Option<Self> {
        let mut model = Model { places: Vec::new(), first: Vec::new(), is_nullable: false };
        let ends = model.add(particle)?;
        for last in ends.last {
            if let Some(place) = model.places.get_mut(usize::from(last)) {
                place.is_last = true;
            }
        }
        model.first = ends.first;
        model.is_nullable = ends.is_nullable;
        Some(model)
    }

    /// Goes on with a child. False where it may not stand here.
    pub(super) fn step(&self, matching: &mut Matching, child: &str) -> bool {
        let mut next = Vec::new();
        let mut reach = |places: &[u16]| {
            for place in places {
                let is_child = self.places.get(usize::from(*place)).is_some_and(|known| known.name == child);
                if is_child && !next.contains(place) {
                    next.push(*place);
                }
            }
        };
        if matching.has_children {
            let from = matching.at.iter().filter_map(|place| self.places.get(usize::from(*place)));
            from.for_each(|place| reach(&place.follow));
        } else {
            reach(&self.first);
        }
        *matching = Matching { at: next, has_children: true };
        !matching.at.is_empty()
    }

    /// Whether the element may end here.
    pub(super) fn accepts(&self, matching: &Matching) -> bool {
        if !matching.has_children {
            return self.is_nullable;
        }
        matching
            .at
            .iter()
            .any(|place| self.places.get(usize::from(*place)).is_some_and(|place| place.is_last))
    }

    fn add(&mut self, particle: &Particle) -> Option<Ends> {
        Some(match particle {
            Particle::Name(name) => {
                if self.places.len() >= MAX_PLACES {
                    return None;
                }
                let place = self.places.len() as u16;
                self.places.push(Place { name: name.clone(), follow: Vec::new(), is_last: false });
                Ends { first: vec![place], last: vec![place], is_nullable: false }
            }
            Particle::Sequence(parts) => {
                let mut all = Ends { first: Vec::new(), last: Vec::new(), is_nullable: true };
                for part in parts {
                    let next = self.add(part)?;
                    self.link(&all.last, &next.first);
                    if all.is_nullable {
                        all.first.extend(&next.first);
                    }
                    if !next.is_nullable {
                        all.last.clear();
                    }
                    all.last.extend(&next.last);
                    all.is_nullable &= next.is_nullable;
                }
                all
            }
            Particle::Choice(parts) => {
                let mut all = Ends { first: Vec::new(), last: Vec::new(), is_nullable: false };
                for part in parts {
                    let next = self.add(part)?;
                    all.first.extend(next.first);
                    all.last.extend(next.last);
                    all.is_nullable |= next.is_nullable;
                }
                all
            }
            Particle::Optional(part) => Ends { is_nullable: true, ..self.add(part)? },
            Particle::Repeated(part, at_least_once) => {
                let ends = self.add(part)?;
                self.link(&ends.last, &ends.first);
                Ends { is_nullable: ends.is_nullable || !at_least_once, ..ends }
            }
        })
    }

    fn link(&mut self, from: &[u16], to: &[u16]) {
        for place in from {
            if let Some(place) = self.places.get_mut(usize::from(*place)) {
                let new = to.iter().filter(|next| !place.follow.contains(next));
                let new: Vec<u16> = new.copied().collect();
                place.follow.extend(new);
            }
        }
    }
}

struct Ends {
    first: Vec<u16>,
    last: Vec<u16>,
    is_nullable: bool,
}
