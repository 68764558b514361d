package blueprints

import "reflect"

// Alike says that two values of the model, such as pools, are equal but for the places
// where they stand.
func Alike[T any](a, b T) bool {
	return equal(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem(), false)
}

// identical says that they stand at the same places too.
func identical[T any](a, b *T) bool { return equal(reflect.ValueOf(a), reflect.ValueOf(b), true) }

var (
	positionType = reflect.TypeFor[Position]()
	stepType     = reflect.TypeFor[*step]()
)

// equal compares two values of one type; places says whether those count. It looks at
// every field there is, so that none of a later version is forgotten.
func equal(a, b reflect.Value, places bool) bool {
	t := a.Type()
	if !places && (t == positionType || t == stepType) {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		if a.Kind() == reflect.Pointer && a.Pointer() == b.Pointer() {
			return true
		}
		a, b = a.Elem(), b.Elem()
		return a.Type() == b.Type() && equal(a, b, places)
	case reflect.Struct:
		for i := range t.NumField() {
			if !equal(a.Field(i), b.Field(i), places) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i), places) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return false
		}
		for _, k := range a.MapKeys() {
			if x := b.MapIndex(k); !x.IsValid() || !equal(a.MapIndex(k), x, places) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
