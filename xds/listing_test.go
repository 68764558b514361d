package xds

import "testing"

func TestList(t *testing.T) {
	t.Parallel()
	s := NewSnapshot("v1", []*Resource{cluster("b", 1), cluster("a", 1)})
	if got := s.List(); len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || got[0].Type != "CDS" || got[0].Origin != "main.yaml:1:1 a" {
		t.Errorf("%+v", got)
	}
	if got := (*Snapshot)(nil).List(); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}
