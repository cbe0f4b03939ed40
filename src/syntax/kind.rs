//! What a stretch of text is, as a theme colours it.

/// The kind of a stretch of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing in particular.
    #[default]
    Text,
    /// An annotation, or an attribute of a tag.
    Attribute,
    /// A comment.
    Comment,
    /// A named constant, a truth value.
    Constant,
    /// An escape within a string.
    Escape,
    /// A function where it is defined or called.
    Function,
    /// A heading.
    Heading,
    /// A word of the language.
    Keyword,
    /// A link's target.
    Link,
    /// A number.
    Number,
    /// An operator.
    Operator,
    /// A parameter where it is declared.
    Parameter,
    /// A field or a key.
    Property,
    /// Brackets and separators.
    Punctuation,
    /// Text marked as literal, such as code within prose.
    Raw,
    /// A string or a character.
    String,
    /// Stressed text.
    Strong,
    /// Emphasized text.
    Emphasis,
    /// The name of a tag or an element.
    Tag,
    /// A type, a class, a module.
    Type,
    /// A name that the language itself gives a meaning, such as `self`.
    Builtin,
    /// Any other name.
    Variable,
}

/// Every kind with the name that themes use for it.
pub const KINDS: &[(Kind, &str)] = &[
    (Kind::Attribute, "attribute"),
    (Kind::Builtin, "builtin"),
    (Kind::Comment, "comment"),
    (Kind::Constant, "constant"),
    (Kind::Emphasis, "emphasis"),
    (Kind::Escape, "escape"),
    (Kind::Function, "function"),
    (Kind::Heading, "heading"),
    (Kind::Keyword, "keyword"),
    (Kind::Link, "link"),
    (Kind::Number, "number"),
    (Kind::Operator, "operator"),
    (Kind::Parameter, "parameter"),
    (Kind::Property, "property"),
    (Kind::Punctuation, "punctuation"),
    (Kind::Raw, "raw"),
    (Kind::String, "string"),
    (Kind::Strong, "strong"),
    (Kind::Tag, "tag"),
    (Kind::Text, "text"),
    (Kind::Type, "type"),
    (Kind::Variable, "variable"),
];

/// Names that the grammars' queries use, the longer ones first where one starts another.
const CAPTURES: &[(&str, Kind)] = &[
    ("attribute", Kind::Attribute),
    ("boolean", Kind::Constant),
    ("charset", Kind::Keyword),
    ("comment", Kind::Comment),
    ("conditional", Kind::Keyword),
    ("constant", Kind::Constant),
    ("constructor", Kind::Type),
    ("delimiter", Kind::Punctuation),
    ("embedded", Kind::Text),
    ("escape", Kind::Escape),
    ("field", Kind::Property),
    ("float", Kind::Number),
    ("function", Kind::Function),
    ("import", Kind::Keyword),
    ("keyframes", Kind::Keyword),
    ("keyword", Kind::Keyword),
    ("label", Kind::Constant),
    ("media", Kind::Keyword),
    ("namespace", Kind::Keyword),
    ("none", Kind::Text),
    ("number", Kind::Number),
    ("operator", Kind::Operator),
    ("parameter", Kind::Parameter),
    ("property", Kind::Property),
    ("punctuation.special", Kind::Escape),
    ("punctuation", Kind::Punctuation),
    ("storageclass", Kind::Keyword),
    ("string.escape", Kind::Escape),
    ("string.special.key", Kind::Property),
    ("string.special", Kind::Escape),
    ("string", Kind::String),
    ("supports", Kind::Keyword),
    ("tag", Kind::Tag),
    ("text.emphasis", Kind::Emphasis),
    ("text.literal", Kind::Raw),
    ("text.reference", Kind::Link),
    ("text.strong", Kind::Strong),
    ("text.title", Kind::Heading),
    ("text.uri", Kind::Link),
    ("type.qualifier", Kind::Keyword),
    ("type", Kind::Type),
    ("variable.builtin", Kind::Builtin),
    ("variable.parameter", Kind::Parameter),
    ("variable", Kind::Variable),
];

impl Kind {
    /// Returns the kind that a query's capture of this name stands for; `None` for one that says nothing of it.
    pub fn of_capture(name: &str) -> Option<Kind> {
        let starts = |prefix: &str| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        CAPTURES.iter().find(|(prefix, _)| starts(prefix)).map(|&(_, kind)| kind)
    }

    /// Returns whether it says less than what is known of the same node: queries call every name a variable and every
    /// field a property, in whatever order.
    pub fn yields_to(self, known: Kind) -> bool {
        self == Kind::Variable || (self == Kind::Property && known == Kind::Function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_name_decides() {
        assert_eq!(Kind::of_capture("string.special.key"), Some(Kind::Property));
        assert_eq!(Kind::of_capture("string.special.symbol"), Some(Kind::Escape));
        assert_eq!(Kind::of_capture("string"), Some(Kind::String));
        assert_eq!(Kind::of_capture("function.method"), Some(Kind::Function));
        assert_eq!(Kind::of_capture("functional"), None);
        assert_eq!(Kind::of_capture("spell"), None);
    }
}
