package translate

import (
	"math"
	"math/big"
	"strconv"
)

// maxWeight bounds one scaled weight, so that the sum over any sensible number
// of targets stays in Envoy's 32 bits.
const maxWeight = 1_000_000

// scale turns weights such as 0.7 and 0.3 into the smallest whole numbers of
// the same ratio, 7 and 3. A ratio too fine for maxWeight is rounded; no weight
// becomes 0, since Envoy refuses an assignment that holds one.
func scale(weights []float64) []uint32 {
	rats := make([]*big.Rat, len(weights))
	denominator := big.NewInt(1)
	for i, w := range weights {
		r, ok := new(big.Rat).SetString(strconv.FormatFloat(w, 'g', -1, 64)) // the decimal the user wrote, not its binary neighbour
		if !ok || r.Sign() <= 0 {
			r = big.NewRat(1, 1)
		}
		rats[i] = r
		gcd := new(big.Int).GCD(nil, nil, denominator, r.Denom())
		denominator.Mul(denominator, new(big.Int).Quo(r.Denom(), gcd))
	}
	whole := make([]*big.Int, len(rats))
	divisor := new(big.Int)
	for i, r := range rats {
		n := new(big.Int).Mul(r.Num(), denominator)
		whole[i] = n.Quo(n, r.Denom())
		divisor.GCD(nil, nil, divisor, whole[i])
	}
	largest := new(big.Int)
	for _, n := range whole {
		n.Quo(n, divisor)
		if n.Cmp(largest) > 0 {
			largest = n
		}
	}
	out := make([]uint32, len(whole))
	for i, n := range whole {
		if largest.Cmp(big.NewInt(maxWeight)) <= 0 {
			out[i] = uint32(n.Uint64())
			continue
		}
		share, _ := new(big.Rat).SetFrac(n, largest).Float64()
		out[i] = uint32(max(1, math.Round(share*maxWeight)))
	}
	return out
}
