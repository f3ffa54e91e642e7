package edn_test

import (
	"fmt"
	"io"
	"strings"

	"glomers/checkers/edn"
)

func ExampleDecoder() {
	d := edn.NewDecoder(strings.NewReader("{:type :ok, :value [1 nil]} ; a comment\n :next"))
	for {
		v, err := d.Decode()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%T %s\n", v, edn.String(v))
	}
	// Output:
	// edn.Map {:type :ok, :value [1 nil]}
	// edn.Keyword :next
}

func ExampleMap_Get() {
	m := edn.Map{{Key: edn.Keyword("type"), Value: edn.Keyword("ok")}}
	v, ok := m.Get(edn.Keyword("type"))
	fmt.Println(v, ok)
	// Output: ok true
}

func ExampleMarshal() {
	fmt.Println(edn.String(edn.Marshal(struct {
		Lost  []int `json:"lost"`
		Valid bool  `json:"valid?"`
	}{[]int{3, 5}, false})))
	// Output: {:lost (3 5), :valid? false}
}

func ExampleBrief() {
	fmt.Println(edn.Brief([]any{int64(1), int64(2), int64(3), int64(4)}, 7))
	// Output: [1 2 3…
}
