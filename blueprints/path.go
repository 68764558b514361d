package blueprints

// Path is an absolute URL path with parameters, in one of the forms /a/{id},
// /a/:id, /a/*rest and /a/*.
type Path struct {
	Raw string
	// Segments are empty for "/".
	Segments []Segment
}

// Segment is one part of a Path between slashes: a literal, a parameter with an
// optional literal behind it, or the rest of the path.
type Segment struct {
	Literal string
	// Param is the parameter's name; Suffix stands behind it in the segment.
	Param, Suffix string
	// Rest takes all that follows, nothing included; Param may name it.
	Rest bool
}
