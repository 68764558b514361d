package demo

// Numbers of the data are strings where clients must not calculate with them (ids
// in paths), and integers of the smallest unit where they may (cents).

// user is a customer.
type user struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	City    string `json:"city"`
	Created string `json:"created_at"`
}

// item is a line of an order.
type item struct {
	Product  string `json:"product_id"`
	Quantity int    `json:"quantity"`
	Cents    int    `json:"unit_price_cents"`
}

// order is what a user bought.
type order struct {
	ID      string `json:"id"`
	User    string `json:"user_id"`
	Status  string `json:"status"`
	Items   []item `json:"items"`
	Total   int    `json:"total_cents"`
	Created string `json:"created_at"`
}

// product is what the shop has.
type product struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Cents    int    `json:"price_cents"`
	Stock    int    `json:"stock"`
}

// collection is the objects of one path.
type collection struct {
	one  string // what one of them is called
	ids  []string
	byID map[string]any
	next string // the id that a new one is answered with
}

// shop is all data, by collection name.
var shop = map[string]collection{
	"users": collected("user", "6", func(u user) string { return u.ID },
		user{"1", "Ada Lindqvist", "ada@shop.example", "Gothenburg", "2025-01-14T09:12:31Z"},
		user{"2", "Bao Nguyen", "bao@shop.example", "Da Nang", "2025-02-02T18:40:05Z"},
		user{"3", "Chiara Rossi", "chiara@shop.example", "Turin", "2025-02-27T07:55:48Z"},
		user{"4", "Dawit Bekele", "dawit@shop.example", "Addis Ababa", "2025-03-19T12:03:10Z"},
		user{"5", "Elena Popescu", "elena@shop.example", "Cluj-Napoca", "2025-05-06T21:29:57Z"},
	),
	"orders": collected("order", "1005", func(o order) string { return o.ID },
		order{"1001", "1", "delivered", []item{{"100", 2, 1250}, {"102", 1, 8900}}, 11400, "2025-06-01T10:00:00Z"},
		order{"1002", "3", "shipped", []item{{"101", 1, 4599}}, 4599, "2025-06-11T15:21:09Z"},
		order{"1003", "1", "paid", []item{{"103", 3, 990}}, 2970, "2025-06-12T08:47:33Z"},
		order{"1004", "5", "cancelled", []item{{"104", 1, 23900}}, 23900, "2025-06-12T19:05:16Z"},
	),
	"products": collected("product", "105", func(p product) string { return p.ID },
		product{"100", "Enamel mug", "kitchen", 1250, 140},
		product{"101", "Linen apron", "kitchen", 4599, 36},
		product{"102", "Cast iron pan", "kitchen", 8900, 12},
		product{"103", "Notebook, dotted", "paper", 990, 510},
		product{"104", "Desk lamp", "lighting", 23900, 7},
	),
}

func collected[T any](one, next string, id func(T) string, objects ...T) collection {
	c := collection{one: one, next: next, byID: map[string]any{}}
	for _, o := range objects {
		c.ids = append(c.ids, id(o))
		c.byID[id(o)] = o
	}
	return c
}

func (c collection) all() []any {
	objects := make([]any, len(c.ids))
	for i, id := range c.ids {
		objects[i] = c.byID[id]
	}
	return objects
}
